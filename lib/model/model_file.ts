/** What the readers of model files share: one tensor's place, and how a bad file is refused. */
import { RunError } from "../error.ts";

/** A tensor as its file describes it; what it is for is decided later, by its name. */
export interface FileTensor {
  readonly name: string;
  /** A `DType`, or the file's own spelling of a type that rocketkv does not compute with (`I64`). */
  readonly dtype: string;
  /** Outermost axis first. */
  readonly shape: readonly number[];
  readonly path: string;
  /** First byte in the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** @throws {RunError} always: one line that names the file, then what was wanted and found. */
export function refuse(path: string, problem: string): never {
  throw oneLineError(`Cannot read ${path}: ${problem}`);
}

/** A RunError whose text may quote a file: line breaks and terminal codes that a hostile one has put there are gone. */
export function oneLineError(text: string): RunError {
  return new RunError(text.replaceAll(/\p{Cc}+/gu, " "));
}

/** A value for an error message: short, on one line, recognisable. */
export function show(value: unknown): string {
  const text = typeof value === "bigint" ? String(value) : JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A shape the way the messages write it: `[1024, 4096]`. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/**
 * Refuse tensors that share bytes.
 *
 * @param whole  The tensors must also follow each other without gaps, as safetensors demands.
 * @throws {RunError} naming both tensors.
 */
export function checkPlaces(path: string, tensors: readonly FileTensor[], start: number, whole: boolean): number {
  let end = start, previous = "the header";
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    const between = `tensor ${show(tensor.name)} starts at byte ${tensor.offset}, ${
      show(previous)
    } ends at byte ${end}`;
    if (tensor.offset < end) refuse(path, `tensors must not overlap: ${between}`);
    if (whole && tensor.offset > end) refuse(path, `tensors must follow each other without gaps: ${between}`);
    end = tensor.offset + tensor.bytes;
    previous = tensor.name;
  }
  return end;
}
