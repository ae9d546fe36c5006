/** How much of something fits into a prompt. */

/**
 * The largest count, 0 <= count <= most, with at most `limit` tokens, or null when there is none. Tokens grow about evenly
 * with the count, so the search goes where a line through its bounds points.
 *
 * @param tokens  Of a whole prompt with that many units: exact, so it is asked as seldom as possible.
 */
export function mostWithin(limit: number, most: number, tokens: (count: number) => number): number | null {
  let low = 0, below = tokens(0), high = most, above = tokens(most);
  if (below > limit) return null;
  if (above <= limit) return most;
  while (high - low > 1) {
    const guess = low + Math.floor((limit - below) / (above - below) * (high - low));
    const middle = Math.min(Math.max(guess, low + 1), high - 1);
    const found = tokens(middle);
    if (found <= limit) [low, below] = [middle, found];
    else [high, above] = [middle, found];
  }
  return low;
}
