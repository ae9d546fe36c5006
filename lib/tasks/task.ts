/** A task of a benchmark: where samples come from. */
import type { ModelText } from "../text/types.ts";
import type { DataMode, Json, Sample } from "./sample.ts";

/** Which task, and everything its samples depend on besides length, seed and tokenizer. */
export interface TaskSpec {
  /** `niah`, `fidelity`, or one of a benchmark: `ruler/vt`, `longbench/hotpotqa`, `scbench/kv`. */
  readonly name: string;
  /** Options of the task, as its module reads them. JSON data: it becomes part of the cell's configuration. */
  readonly options: { readonly [name: string]: Json };
}

/** How long a prompt shall be, everything counted: tokens with room for the answer, or words of the haystack. */
export interface Length {
  readonly unit: "tokens" | "words";
  readonly count: number;
}

export interface SampleRequest {
  readonly text: ModelText;
  /** Null for tasks whose files decide. */
  readonly length: Length | null;
  readonly seed: number;
  /** Samples per length, or per length and depth; files may have fewer. */
  readonly count: number;
}

/**
 * Samples whose prompts begin alike: depths on one haystack, or only one. They run on shared prefills, so a group is what
 * shards and resumed runs take as a whole.
 */
export interface SampleGroup {
  /** Unique in its task, length and seed. */
  readonly id: string;
  /** Keys of its samples, in order: known before anything is generated. */
  readonly keys: readonly string[];
  make(): Promise<readonly Sample[]>;
}

export interface Task {
  readonly spec: TaskSpec;
  readonly dataMode: DataMode;
  /** False for tasks whose files decide how long prompts are. */
  readonly usesLength: boolean;
  /** `fidelity`: how far an arm's next tokens are from the full cache's, instead of what it answers. @default "answers" */
  readonly measures?: "answers" | "fidelity";
  /** How turns after the first see the ones before: see `lib/sweep/run/unit.ts`. @default "golden" */
  readonly history?: "golden" | "own" | "requests";
  /** How prompts become tokens; see `lib/tasks/prompt/assemble.ts`. @default "split" */
  readonly tokenise?: "split" | "whole";
  /** What identifies the data: SHA-256 of the files, or a version of the generator. Part of the cell's configuration. */
  readonly dataId: string;
  /** @throws {RunError} for a length that is too short, or data that cannot be read. */
  groups(request: SampleRequest): Promise<readonly SampleGroup[]>;
}
