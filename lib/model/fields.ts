/** Named settings of a model file, read with a check: `config.json` keys or GGUF metadata. */
import { refuse, show } from "./model_file.ts";

interface IntegerOptions {
  /** @default {1} */
  readonly min?: number;
  /** @default {2147483647} */
  readonly max?: number;
  /** Used when the key is missing or null; without it that is an error. */
  readonly missing?: number;
}

/** Every method throws a RunError that names file, key, what was wanted and what was found. */
export class Fields {
  readonly path: string;
  readonly #get: (key: string) => unknown;

  /** @param get  The value of a key; undefined and null both mean that it is not set. */
  constructor(path: string, get: (key: string) => unknown) {
    this.path = path;
    this.#get = get;
  }

  /** Undefined when the key is missing or null. */
  value(key: string): unknown {
    return this.#get(key) ?? undefined;
  }

  has(key: string): boolean {
    return this.value(key) !== undefined;
  }

  /** Whether the key is there at all, be it null. */
  isGiven(key: string): boolean {
    return this.#get(key) !== undefined;
  }

  integer(key: string, { min = 1, max = 2147483647, missing }: IntegerOptions = {}): number {
    const value = this.value(key) ?? missing ?? this.#missing(key);
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      this.fail(`${show(key)} must be a whole number from ${min} to ${max}: found ${show(value)}`);
    }
    return value as number;
  }

  /** A finite number, at least `min` and above 0. */
  real(key: string, { min = 0, missing }: { min?: number; missing?: number } = {}): number {
    const value = this.value(key) ?? missing ?? this.#missing(key);
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0 || value < min) {
      this.fail(`${show(key)} must be a number ${min > 0 ? `of at least ${min}` : "above 0"}: found ${show(value)}`);
    }
    return value;
  }

  flag(key: string, missing: boolean): boolean {
    const value = this.value(key) ?? missing;
    if (typeof value !== "boolean") this.fail(`${show(key)} must be true or false: found ${show(value)}`);
    return value;
  }

  text(key: string, missing?: string): string {
    const value = this.value(key) ?? missing ?? this.#missing(key);
    if (typeof value !== "string") this.fail(`${show(key)} must be a text: found ${show(value)}`);
    return value;
  }

  fail(problem: string): never {
    refuse(this.path, problem);
  }

  #missing(key: string): never {
    this.fail(`${show(key)} is missing`);
  }
}
