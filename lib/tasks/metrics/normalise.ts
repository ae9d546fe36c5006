/** Lower case, no ASCII punctuation, no articles, white space squeezed: as answers of SQuAD, LongBench and passkeys are compared. */
export function normalise(text: string): string {
  return text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "").replace(/\b(a|an|the)\b/g, " ").split(/\s+/)
    .filter((word) => word !== "").join(" ");
}
