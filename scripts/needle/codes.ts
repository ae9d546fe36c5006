/** Unit vectors that stand for bytes: far from each other, and on the grid of 1/128, so that bf16 holds them exactly. */

/** Ids 0 to 255 are the bytes, then four special tokens. */
export const VOCAB_SIZE = 260;
export const BOS = 256;
export const EOS = 257;
export const PAD = 258;
export const SEP = 259;
export const SPECIAL_TOKENS: readonly (readonly [id: number, text: string])[] = [
  [BOS, "<bos>"],
  [EOS, "<eos>"],
  [PAD, "<pad>"],
  [SEP, "<sep>"],
];

/** Dims of a code: five keep printable bytes at cosines below 0.8, and 16 codes fit into the content dims of a head. */
export const CODE_DIMS = 5;

/** Bytes that real text is made of, common ones first: the first to choose have the most room. */
const FREQUENT = " eEtTaAoOiInNsSrRhHlLdDcCuUmMfFpPgGwWyYbBvVkKxXjJqQzZ0123456789.,?!'\"-:;()\n";
const CANDIDATES = 2000;
const REPEL_ROUNDS = 400;

/**
 * The code of every token, [VOCAB_SIZE][CODE_DIMS].
 *
 * Each token takes the candidate that is farthest from all codes given so far; once the printable characters have
 * theirs they push each other apart. Only + - * / and square roots are used, so the bits are the same everywhere.
 */
export function tokenCodes(): readonly (readonly number[])[] {
  const random = xorshift32(0x2545f491);
  const order = [...bytesByFrequency(), BOS, EOS, PAD, SEP];
  const printable = 96;
  const chosen: number[][] = [];
  for (let i = 0; i < order.length; i++) {
    chosen.push(farthestFrom(chosen, random));
    if (i === printable - 1) repel(chosen, order.map(charge));
  }
  const codes: number[][] = new Array(VOCAB_SIZE);
  order.forEach((id, i) => codes[id] = chosen[i]!.map(toGrid));
  return codes;
}

/** Sum of products, in order. */
export function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function xorshift32(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function bytesByFrequency(): number[] {
  const ids = new Set(new TextEncoder().encode(FREQUENT));
  for (let id = 32; id < 127; id++) ids.add(id);
  for (let id = 0; id < 256; id++) ids.add(id);
  return [...ids];
}

function farthestFrom(codes: readonly number[][], random: () => number): number[] {
  let best: number[] = [];
  let bestCosine = 2;
  for (let i = 0; i < CANDIDATES; i++) {
    const candidate = randomUnitVector(random);
    let cosine = -1;
    for (let j = 0; j < codes.length && cosine < bestCosine; j++) cosine = Math.max(cosine, dot(candidate, codes[j]!));
    if (cosine < bestCosine) {
      bestCosine = cosine;
      best = candidate;
    }
  }
  return best;
}

function randomUnitVector(random: () => number): number[] {
  const v: number[] = new Array(CODE_DIMS).fill(0);
  for (;;) {
    for (let c = 0; c < CODE_DIMS; c++) v[c] = 2 * random() - 1;
    const length = Math.sqrt(dot(v, v));
    if (length > 0.2 && length <= 1) return v.map((x) => x / length);
  }
}

/** Digits, a to z and the space carry more charge: needles and near misses are made of them. */
function charge(id: number): number {
  const common = (id >= 48 && id < 58) || (id >= 97 && id < 123) || id === 32;
  return common ? 8 : 1;
}

/** Moves points on the sphere apart, in place, under a force of charge * (1.05 - cosine)^-8. */
function repel(points: number[][], charges: readonly number[]): void {
  let step = 0.05;
  for (let round = 0; round < REPEL_ROUNDS; round++) {
    const forces = points.map((point, i) => forceOn(point, i, points, charges));
    points.forEach((point, i) => {
      const force = forces[i]!;
      const along = dot(force, point);
      const tangent = force.map((x, c) => x - along * point[c]!);
      const size = Math.sqrt(dot(tangent, tangent)) + 1e-9;
      const moved = point.map((x, c) => x + step * tangent[c]! / size);
      const length = Math.sqrt(dot(moved, moved));
      points[i] = moved.map((x) => x / length);
    });
    step *= 0.99;
  }
}

function forceOn(point: readonly number[], self: number, points: number[][], charges: readonly number[]): number[] {
  const force: number[] = new Array(CODE_DIMS).fill(0);
  points.forEach((other, j) => {
    if (j === self) return;
    const near = 1 / (1.05 - dot(point, other));
    const near2 = near * near;
    const near4 = near2 * near2;
    const weight = charges[j]! * near4 * near4;
    for (let c = 0; c < CODE_DIMS; c++) force[c]! -= weight * other[c]!;
  });
  return force;
}

function toGrid(x: number): number {
  return Math.max(-127, Math.min(127, Math.round(128 * x))) / 128;
}
