/** Rotary position embedding (arXiv:2104.09864): pairs of dims turn by an angle that grows with the position. */

import type { RopeConfig } from "../../lib/model/types.ts";
import type { Row } from "./ops.ts";

/** One head's query or key [head_dim], turned to `position`; dims from `rope.dims` on stay as they are. */
export function rotate(x: Row, position: number, rope: RopeConfig): Row {
  const out = x.slice();
  const pairs = rope.dims / 2;
  for (let pair = 0; pair < pairs; pair++) {
    const [a, b] = rope.interleaved ? [2 * pair, 2 * pair + 1] : [pair, pair + pairs];
    const angle = position * rope.invFreq[pair]!;
    const cos = Math.cos(angle) * rope.attentionFactor;
    const sin = Math.sin(angle) * rope.attentionFactor;
    out[a] = x[a]! * cos - x[b]! * sin;
    out[b] = x[a]! * sin + x[b]! * cos;
  }
  return out;
}

/** Average of the rotations to positions `from` .. `from + count - 1`: a row-major matrix [head_dim, head_dim]. */
export function averageRotation(from: number, count: number, rope: RopeConfig, headDim: number): Float64Array {
  const matrix = new Float64Array(headDim * headDim);
  for (let column = 0; column < headDim; column++) {
    const unit = new Float64Array(headDim);
    unit[column] = 1;
    for (let p = from; p < from + count; p++) {
      rotate(unit, p, rope).forEach((x, row) => matrix[row * headDim + column]! += x / count);
    }
  }
  return matrix;
}
