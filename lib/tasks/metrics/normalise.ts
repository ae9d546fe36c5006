/** Lower case, no ASCII punctuation, no articles, white space squeezed: as answers of SQuAD, LongBench and passkeys are compared. */
export function normalise(text: string): string {
  return text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "").replace(
    /(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu,
    " ",
  ).split(/\s+/)
    .filter((word) => word !== "").join(" ");
}
