/** A question with the documents that answer it, invented or from a file. */
export interface QaItem {
  readonly question: string;
  /** Any of them is right. */
  readonly answers: readonly string[];
  /** That the answer is in. */
  readonly gold: readonly string[];
  /** The nearest others: the same article's, or the question's own. More come from other questions. */
  readonly near: readonly string[];
}
