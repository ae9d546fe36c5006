import assert from "node:assert/strict";
import type { NativeSession } from "../../lib/native/session.ts";
import type { ReferenceModel } from "../reference/model.ts";
import { relativeError } from "./native.ts";

/**
 * A session is where the reference is: cached positions of every query head, and after a decode step the selected ones,
 * are the same, and logits within the rounding of f32.
 *
 * @param wanted  Logits of the reference, [vocab_size].
 */
export function assertSame(
  found: NativeSession,
  reference: ReferenceModel,
  wanted: ArrayLike<number>,
  { decoded, what = "" }: { decoded: boolean; what?: string },
): void {
  const { nLayers, nHeads } = reference.config;
  for (let layer = 0; layer < nLayers; layer++) {
    for (let h = 0; h < nHeads; h++) {
      const place = `${what} layer ${layer} head ${h}`;
      assert.deepEqual([...found.cached(layer, h)], reference.cached(layer, h), `cached, ${place}`);
      if (decoded) assert.deepEqual([...found.selected(layer, h)], reference.selected(layer, h), `selected, ${place}`);
    }
  }
  const error = relativeError(found.logits(), wanted);
  assert(error < 5e-5, `${what} relative error of the logits ${error}`);
}
