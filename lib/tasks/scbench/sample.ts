/** A session as a sample. */
import { refuseData } from "../files/row.ts";
import type { Json, Sample, Turn } from "../sample.ts";
import { contextText, turnText } from "./prompts.ts";
import type { Session, SessionTurn } from "./session.ts";
import type { SCBenchTask } from "./tasks.ts";

/** Functions by name, of each repository. */
export type Functions = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Everything that is described in any of the sessions: an answer is compared with all of its repository's. */
export function functionsOf(sessions: readonly Session[]): Functions {
  const functions = new Map<string, Record<string, string>>();
  for (const { repo, turns } of sessions) {
    const own = functions.get(repo ?? "") ?? {};
    for (const { name, answers } of turns) if (name !== null) own[name] = answers[0]!;
    functions.set(repo ?? "", own);
  }
  return functions;
}

/** @param maxTurns  Those after it are left out. @throws {UsageError} naming file, place and field. */
export function sampleOf(
  name: string,
  task: SCBenchTask,
  session: Session,
  key: string,
  { functions, maxTurns }: { functions: Functions; maxTurns: number },
): Sample {
  const turns = session.turns.slice(0, maxTurns).map((turn): Turn => {
    const { metric, newTokens } = task.kinds[turn.kind]!;
    const { question, answerPrefix } = turnText(name, session, turn);
    const { references, details } = scoringOf(metric, session, turn, functions);
    const golden = metric === "choice" && !session.prerendered ? references[1]! : turn.answers.join(", ");
    return {
      question,
      answerPrefix,
      maxNewTokens: newTokens,
      scoring: { metric, references, ...(details && { details }) },
      golden: answerPrefix === "" || /：$/.test(answerPrefix) ? golden : ` ${golden}`,
      ...(task.mixed && { subtask: turn.kind }),
    };
  });
  return { key, depth: null, context: contextText(name, session), turns, chat: "model" };
}

function scoringOf(
  metric: string,
  session: Session,
  turn: SessionTurn,
  functions: Functions,
): { references: readonly string[]; details?: Readonly<Record<string, Json>> } {
  const { answers, isText } = turn;
  switch (metric) {
    case "choice":
      return { references: choiceLabels(session, turn) };
    case "characters_f1":
      return isText ? { references: answers, details: { text: true } } : { references: answers };
    case "first_number":
      if (!Number.isFinite(Number(answers[0]))) refuse(session, `answers must be numbers: found ${answers[0]}`);
      return { references: answers.slice(0, 1) };
    case "repoqa":
      if (turn.name === null) refuse(session, 'every turn must have the function\'s "name"');
      return {
        references: answers.slice(0, 1),
        details: { name: turn.name, functions: functions.get(session.repo ?? "")! },
      };
    case "passkey":
      return { references: answers.slice(0, 1) };
    default:
      return { references: answers };
  }
}

/** The right option's text and its letter; the file may have either, or both. */
function choiceLabels(session: Session, { answers, options }: SessionTurn): string[] {
  if (answers.length === 2) return [...answers];
  const [answer] = answers;
  const at = options?.indexOf(answer!) ?? -1;
  if (at >= 0) return [answer!, "ABCD"[at]!];
  if (/^[A-D]$/.test(answer!)) return [options?.["ABCD".indexOf(answer!)] ?? answer!, answer!];
  return refuse(
    session,
    `answers must be one of the "options" or a letter from A to D: found ${JSON.stringify(answer)}`,
  );
}

function refuse({ row }: Session, problem: string): never {
  refuseData(row.path, row.place, problem);
}
