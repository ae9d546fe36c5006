/** Reading fields of located data, each with a check whose message has file, line and field. */
import { UsageError } from "../../error.ts";
import { nearest } from "../../nearest.ts";
import type { Located, Path } from "./located.ts";

/** One value of a file. */
export class Value {
  constructor(readonly located: Located, readonly data: unknown, readonly path: Path = []) {}

  /** @throws {UsageError} always. @param problem  What it must be; what was found is added. */
  refuse(problem: string): never {
    const found = this.data === undefined ? "nothing" : JSON.stringify(this.data);
    this.fail(
      `${pathText(this.path)} must be ${problem}: found ${found.length > 80 ? `${found.slice(0, 77)}...` : found}`,
    );
  }

  /** @throws {UsageError} always. */
  fail(problem: string): never {
    throw new UsageError(`Cannot use ${this.located.file}, line ${this.located.lineOf(this.path)}: ${problem}`);
  }

  /** Run something that refuses what a person wrote, and say where that stands. */
  async checked<T>(body: () => T | Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      if (error instanceof UsageError) this.fail(`${pathText(this.path)}: ${error.message}`);
      throw error;
    }
  }

  /** The fields of an object. @throws {UsageError} for something else, and for names that nobody knows. */
  fields<T extends string>(names: readonly T[]): Partial<Record<T, Value>> {
    const entries = this.entries(`an object with ${names.join(", ")}`);
    for (const [name, value] of entries) {
      if (names.some((known) => known === name)) continue;
      const close = nearest(name, names);
      const hint = close === null ? `expected one of ${names.join(", ")}` : `did you mean "${close}"?`;
      value.fail(`unknown field "${pathText(value.path)}": ${hint}`);
    }
    return Object.fromEntries(entries) as Partial<Record<T, Value>>;
  }

  /** Names and values of any object. */
  entries(wanted: string): [string, Value][] {
    if (typeof this.data !== "object" || this.data === null || Array.isArray(this.data)) this.refuse(wanted);
    return Object.entries(this.data).map(([name, data]) => [name, this.#inner(name, data)]);
  }

  /** The items of a list, or the value itself where there is only one. */
  items(): Value[] {
    if (!Array.isArray(this.data)) return [this];
    return this.data.map((data, i) => this.#inner(i, data));
  }

  text(wanted: string): string {
    return typeof this.data === "string" && this.data !== "" ? this.data : this.refuse(wanted);
  }

  /** A text, or a number as one. */
  word(wanted: string): string {
    return typeof this.data === "number" ? String(this.data) : this.text(wanted);
  }

  integer(min: number): number {
    const { data } = this;
    if (typeof data === "number" && Number.isInteger(data) && data >= min && data < 2 ** 31) return data;
    return this.refuse(`an integer >= ${min}`);
  }

  choice<T extends string>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.data);
    if (found !== undefined) return found;
    const close = typeof this.data === "string" ? nearest(this.data, choices) : null;
    return this.refuse(`one of ${choices.join(", ")}${close === null ? "" : ` (did you mean "${close}"?)`}`);
  }

  #inner(name: string | number, data: unknown): Value {
    return new Value(this.located, data, [...this.path, name]);
  }
}

/** `tasks[1].samples` */
function pathText(path: Path): string {
  return path.map((part, i) => typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`).join("") ||
    "the grid";
}
