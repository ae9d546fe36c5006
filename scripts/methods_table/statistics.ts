/** What decides between two methods, and how sure a share is. */

/** Standard errors that a mean of `n` values must be away from 0 to differ from it at 5 %: Student's t, two-sided. */
export function criticalErrors(n: number): number {
  const freedom = n - 1;
  return STUDENT[freedom - 1] ?? 1.96 + 2.372 / freedom + 2.823 / freedom ** 2;
}

/** For 1 to 10 degrees of freedom; beyond, the first terms of its expansion about the normal distribution will do. */
const STUDENT = [12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Wilson's 95 % interval of a share: `hits` of `n`. */
export function wilson(hits: number, n: number): [number, number] {
  const z = 1.96, share = hits / n;
  const center = (share + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return [center - half, center + half];
}
