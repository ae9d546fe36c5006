/** Options of a task: JSON that somebody wrote, in a grid file or as flags. */
import { UsageError } from "../error.ts";
import { nearest } from "../nearest.ts";
import type { Json } from "./sample.ts";
import type { TaskSpec } from "./task.ts";

/** Reads the options of one task, each by the kind that it must have. */
export class TaskOptions {
  readonly #spec: TaskSpec;
  readonly #known: string[] = [];

  constructor(spec: TaskSpec) {
    this.#spec = spec;
  }

  /** @throws {UsageError} unless it is a whole number in the range. */
  integer(name: string, fallback: number, min: number, max = 2 ** 31 - 1): number {
    const value = this.#read(name) ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.refuse(name, max < 2 ** 31 - 1 ? `an integer between ${min} and ${max}` : `an integer >= ${min}`);
  }

  /** @throws {UsageError} unless it is a text. */
  text<T extends string | null>(name: string, fallback: T): string | T {
    const value = this.#read(name);
    if (value === undefined || value === null) return fallback;
    return typeof value === "string" && value !== "" ? value : this.refuse(name, "a text");
  }

  /** @throws {UsageError} unless it is one of the choices. */
  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.#read(name) ?? fallback;
    return choices.find((one) => one === value) ?? this.refuse(name, `one of ${choices.join(", ")}`);
  }

  /** @throws {UsageError} unless it is true or false. */
  flag(name: string, fallback = false): boolean {
    const value = this.#read(name) ?? fallback;
    return typeof value === "boolean" ? value : this.refuse(name, "true or false");
  }

  /** As it is, for options that have a form of their own. */
  any(name: string): Json | undefined {
    return this.#read(name);
  }

  refuse(name: string, wanted: string): never {
    const found = JSON.stringify(this.#spec.options[name]);
    throw new UsageError(
      `Cannot use option "${name}" of task "${this.#spec.name}" as it must be ${wanted}: found ${found}`,
    );
  }

  /** Call after everything was read. @throws {UsageError} for options that nobody asked for. */
  done(): void {
    for (const name of Object.keys(this.#spec.options)) {
      if (this.#known.includes(name)) continue;
      const close = nearest(name, this.#known);
      const hint = close ? `did you mean "${close}"?` : `expected ${this.#known.join(", ") || "none"}`;
      throw new UsageError(`Cannot use option "${name}" of task "${this.#spec.name}": ${hint}`);
    }
  }

  #read(name: string): Json | undefined {
    this.#known.push(name);
    return this.#spec.options[name];
  }
}
