/** What Python makes of texts where JavaScript does otherwise: the benchmarks' numbers come from there. */

/** Words between white space, as `str.split()`. */
export function pythonWords(text: string): string[] {
  // deno-lint-ignore no-control-regex -- Python takes four of them for white space
  return text.split(/(?:[^\S\ufeff]|[\x1c-\x1f\x85])+/).filter((word) => word !== "");
}

/** Nearest whole number, halves to the even one, as `round()`. */
export function pythonRound(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + floor % 2 : Math.round(value);
}
