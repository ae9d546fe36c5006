/** `--set name=value`: parsing, checking and reading the numbers that override a method's own. */

import { UsageError } from "../error.ts";
import type { Method, Parameter } from "./method.ts";
import { nearest } from "../nearest.ts";

type Settings = Readonly<Record<string, number>>;
type Named = Pick<Method, "name" | "parameters">;

/**
 * Numbers of `name=value` texts; parameters that are kinds also take their words, such as `pool=avg`.
 *
 * @throws {UsageError} for a malformed text, a name given twice, or anything that checkSettings() refuses.
 */
export function parseSettings(method: Named, texts: readonly string[]): Record<string, number> {
  const settings: Record<string, number> = {};
  for (const text of texts) {
    const [, name, word] = /^([a-z][a-z0-9_]*)=([-+.\w]+)$/.exec(text.trim()) ?? [];
    const value = name === undefined || word === undefined ? NaN : numberOf(method, name, word);
    if (name === undefined || !Number.isFinite(value)) {
      throw new UsageError(`Cannot use --set "${text}": it must be name=number, such as top_k=64`);
    }
    if (Object.hasOwn(settings, name)) throw new UsageError(`Cannot use --set "${text}": ${name} is given twice`);
    settings[name] = value;
  }
  checkSettings(method, settings);
  return settings;
}

/** @throws {UsageError} for a name the method does not have, a number outside its range, or two that exclude each other. */
export function checkSettings(method: Named, settings: Settings): void {
  for (const [name, value] of Object.entries(settings)) {
    const parameter = method.parameters.find((p) => p.name === name);
    if (parameter === undefined) {
      const names = method.parameters.map((p) => p.name);
      const close = nearest(name, names);
      const hint = close === null ? "" : `did you mean ${close}? `;
      throw new UsageError(`Cannot use --set ${name}=${value}: ${hint}${method.name} knows ${names.join(", ")}`);
    }
    const wrong = complaint(parameter, value);
    if (wrong !== null) throw new UsageError(`Cannot use --set ${name}=${value}: ${name} must be ${wrong}`);
  }
  const { window, prompt_budget: promptBudget } = settings;
  if (window !== undefined && promptBudget !== undefined) checkWindow(window, promptBudget);
}

/**
 * An observation window that was set by hand is kept whole, whether or not a prompt is long enough to need eviction.
 *
 * @throws {UsageError}
 */
export function checkWindow(window: number, promptBudget: number): void {
  if (window > promptBudget) {
    throw new UsageError(`Cannot use --set window=${window}: it must be <= the prompt budget: found ${promptBudget}`);
  }
}

/** The number that a word means to a parameter, NaN for none. */
function numberOf(method: Named, name: string, word: string): number {
  const named = method.parameters.find((p) => p.name === name)?.names?.indexOf(word) ?? -1;
  return named >= 0 ? named : /^[-+.\deE]+$/.test(word) ? Number(word) : NaN;
}

/** What `value` would have to be, or null if it is fine. */
function complaint({ min, max, fractional, odd, names }: Parameter, value: number): string | null {
  const fits = value >= min && value <= max && (fractional || Number.isInteger(value)) && (!odd || value % 2 === 1);
  if (fits) return null;
  if (names !== undefined) return `one of ${names.map((word, i) => `${i} (${word})`).join(", ")}`;
  const kind = fractional ? "a number" : odd ? "an odd integer" : "an integer";
  return max >= UNLIMITED ? `${kind} >= ${min}` : `${kind} between ${min} and ${max}`;
}

/** Upper end of numbers that only the prompt limits: the largest i32. */
export const UNLIMITED = 2 ** 31 - 1;

/**
 * Prompt tokens at the end that are fed as decode steps, so that eviction cannot see them: 0 by default, 1 in the
 * RocketKV paper's harness. At least one token is always left to prefill.
 */
export function decodeTail(settings: Settings, promptTokens: number): number {
  return Math.min(settings["decode_tail"] ?? 0, Math.max(0, promptTokens - 1));
}
