/** One record of a data file, read with checks: every refusal names file, place and field. */
import { UsageError } from "../../error.ts";
import { writtenList } from "./written_list.ts";
import { show } from "../../model/model_file.ts";

/** Every method throws a UsageError that says where the field is, what was wanted and what was found. */
export class Row {
  readonly path: string;
  /** Where in the file: `line 3` or `row 3`, counted from 1. */
  readonly place: string;
  /** JSON data, unchecked. */
  readonly values: Readonly<Record<string, unknown>>;

  /** @param value  What the file has there: must be an object. @throws {UsageError} when it is something else. */
  constructor(path: string, place: string, value: unknown) {
    if (!isObject(value)) refuseData(path, place, `must be an object: found ${show(value)}`);
    this.path = path;
    this.place = place;
    this.values = value;
  }

  /** Undefined when the field is missing or null. */
  value(name: string): unknown {
    return this.values[name] ?? undefined;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined;
  }

  /** @param missing  Used when the field is missing or null; without it that is an error. */
  text(name: string, missing?: string): string {
    const value = this.value(name) ?? missing ?? this.#missing(name);
    if (typeof value !== "string") this.fail(name, "a text", value);
    return value;
  }

  /** A whole number, be it written as a text. */
  integer(name: string, missing?: number): number {
    const value = this.value(name) ?? missing ?? this.#missing(name);
    const number = typeof value === "string" && /^-?\d+$/.test(value) ? Number(value) : value;
    if (!Number.isSafeInteger(number)) this.fail(name, "a whole number", value);
    return number as number;
  }

  /** A list of texts, also as CSV has one: written out by Python or as JSON. Numbers in it become texts. */
  texts(name: string, missing?: readonly string[]): string[] {
    const found = this.value(name) ?? missing ?? this.#missing(name);
    const value = typeof found === "string" ? writtenList(found) ?? found : found;
    if (!Array.isArray(value) || !value.every((one) => typeof one === "string" || typeof one === "number")) {
      this.fail(name, "a list of texts", value);
    }
    return value.map(String);
  }

  list(name: string): unknown[] {
    const value = this.value(name) ?? this.#missing(name);
    if (!Array.isArray(value)) this.fail(name, "a list", value);
    return value;
  }

  /** A list of objects: rows whose place says which one, as in `line 3, multi_turns[0]`. */
  rows(name: string): Row[] {
    const value = this.value(name) ?? this.#missing(name);
    if (!Array.isArray(value)) this.fail(name, "a list of objects", value);
    return value.map((one, i) => new Row(this.path, `${this.place}, ${name}[${i}]`, one));
  }

  /** @throws {UsageError} always. @param wanted  Such as `a list of texts`. */
  fail(name: string, wanted: string, found: unknown = this.value(name)): never {
    refuseData(this.path, this.place, `${show(name)} must be ${wanted}: found ${show(found)}`);
  }

  #missing(name: string): never {
    refuseData(this.path, this.place, `${show(name)} is missing`);
  }
}

/** @throws {UsageError} always: one line, without what a hostile file may put into a terminal. */
export function refuseData(path: string, place: string | null, problem: string): never {
  const where = place === null ? path : `${path}, ${place}`;
  throw new UsageError(`Cannot use ${where}: ${problem}`.replaceAll(/\p{Cc}+/gu, " "));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
