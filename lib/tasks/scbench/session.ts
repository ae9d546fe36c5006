/** Records of SCBench, in each of their forms, as sessions: a context and what is asked about it, turn after turn. */
import { refuseData, type Row } from "../files/row.ts";
import { show } from "../../model/model_file.ts";
import type { SCBenchTask } from "./tasks.ts";

export interface SessionTurn {
  readonly input: string;
  /** One text or several; numbers are written out. */
  readonly answers: readonly string[];
  /** The file has one text, no list. */
  readonly isText: boolean;
  /** Of `kinds` of the task. */
  readonly kind: string;
  readonly options: readonly string[] | null;
  /** Of the function that is described. */
  readonly name: string | null;
}

export interface Session {
  readonly row: Row;
  readonly context: string;
  readonly turns: readonly SessionTurn[];
  readonly repo: string | null;
  /** Inputs are whole prompts already. */
  readonly prerendered: boolean;
}

/** @throws {UsageError} naming file, place and field. */
export function sessionOf(row: Row, task: SCBenchTask): Session {
  const repo = row.has("repo") ? row.text("repo") : null;
  if (row.has("prompts")) return { row, repo, ...repacked(row, task), prerendered: true };
  const turns = row.rows("multi_turns").map((turn): SessionTurn => ({
    input: turn.text("input"),
    ...answersOf(turn, "answer", turn.value("answer")),
    kind: kindOf(turn, task, task.mixed ? turn.text("task") : ""),
    options: turn.has("options") ? turn.texts("options") : null,
    name: turn.has("name") ? turn.text("name") : null,
  }));
  if (turns.length === 0) row.fail("multi_turns", "a list with at least one turn");
  return { row, repo, context: contextOf(row), turns, prerendered: false };
}

/** KVzip's files: the context and the questions are one list, and so are the answers. */
function repacked(row: Row, task: SCBenchTask): Pick<Session, "context" | "turns"> {
  const [context, ...inputs] = row.texts("prompts");
  const answers = row.list("ground_truth");
  if (inputs.length === 0 || inputs.length !== answers.length) {
    row.fail(
      "ground_truth",
      `a list of ${inputs.length}, as there are questions in "prompts", and at least one`,
      answers.length,
    );
  }
  const of = (field: string) => row.has(field) ? row.texts(field) : null;
  const names = of("func_name"), options = of("options");
  const kinds = task.mixed ? row.texts("task") : null;
  const turns = inputs.map((input, i): SessionTurn => ({
    input,
    ...answersOf(row, "ground_truth", answers[i]),
    kind: kindOf(row, task, kinds?.[i] ?? ""),
    options,
    name: names?.[i] ?? null,
  }));
  return { context: context!, turns };
}

function answersOf(row: Row, field: string, value: unknown): Pick<SessionTurn, "answers" | "isText"> {
  if (typeof value === "string" || typeof value === "number") return { answers: [String(value)], isText: true };
  if (Array.isArray(value) && value.length > 0 && value.every((one) => ["string", "number"].includes(typeof one))) {
    return { answers: value.map(String), isText: false };
  }
  row.fail(field, "a text, a number, or a list of them", value);
}

function kindOf(row: Row, { kinds }: SCBenchTask, name: string): string {
  const kind = name.replace(/^(scbench|multi_turn)_/, "");
  if (Object.hasOwn(kinds, kind)) return kind;
  row.fail("task", `one of ${Object.keys(kinds).map((one) => `scbench_${one}`).join(", ")}`, name);
}

function contextOf(row: Row): string {
  const name = row.has("context") ? "context" : "input";
  const value = row.value(name);
  if (value === undefined) refuseData(row.path, row.place, '"context" is missing');
  return typeof value === "string" ? value : pythonText(value);
}

/** Lists and objects as Python writes them, which is how the benchmark's prompts have them. */
function pythonText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(", ")}]`;
  if (typeof value === "string") {
    const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
    return quote + value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll(quote, `\\${quote}`) + quote;
  }
  if (typeof value !== "object" || value === null) return value === null ? "None" : show(value);
  return `{${Object.entries(value).map(([name, field]) => `${pythonText(name)}: ${pythonText(field)}`).join(", ")}}`;
}
