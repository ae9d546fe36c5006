import assert from "node:assert/strict";
import { DTYPES } from "../../lib/model/types.ts";
import { bits, levels, linear, randomWeights, tokens } from "../support/linear.ts";

Deno.test("a row's result has the same bits in any company and with any number of threads", async (t) => {
  const n = 21, rows = 200;
  for (const dtype of DTYPES) {
    for (const level of levels) {
      for (const path of ["decode", "prefill"] as const) {
        await t.step(`${dtype}, ${path} with ${level}`, () => {
          const cols = 768, x = tokens(n, cols, 4);
          const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 5) }];
          const call = { path, level, cols, projections };
          const together = linear({ ...call, n, x });
          for (const threads of [1, 3, 8]) {
            assert.deepEqual(bits(linear({ ...call, n, x, threads })), bits(together), `${threads} threads`);
          }
          for (let from = 0; from < n;) {
            const some = Math.min(n - from, 1 + from % 6); // 1, 2, 4, ... in turn
            const alone = linear({ ...call, n: some, x: x.slice(from * cols, (from + some) * cols) });
            assert.deepEqual(
              bits(alone),
              bits(together.slice(from * rows, (from + some) * rows)),
              `from token ${from}`,
            );
            from += some;
          }
        });
      }
    }
  }
});

Deno.test("projections of one call may differ in type and rows, and have a bias each", () => {
  const cols = 256;
  const projections = ([["q4_k", 70], ["f32", 3], ["q8_0", 33], ["bf16", 128]] as const).map(([dtype, rows], i) => ({
    dtype,
    rows,
    data: randomWeights(dtype, rows * cols, i),
  }));
  const bias = tokens(1, 70 + 3 + 33 + 128, 6);
  for (const path of ["decode", "prefill"] as const) {
    for (const level of levels) {
      for (const n of [1, 5, 200]) {
        const x = tokens(n, cols, 7);
        const together = linear({ path, level, n, cols, x, projections, bias });
        let at = 0, firstBias = 0;
        for (const projection of projections) {
          const { rows } = projection;
          const alone = linear({ path, level, n, cols, x, projections: [projection] });
          for (let i = 0; i < n * rows; i++) {
            const wanted = alone[i]! + bias[firstBias + i % rows]!;
            // Prefill starts its sums with the bias, decode ends with it: another order of f32 additions.
            assert.ok(Math.abs(together[at + i]! - wanted) <= 1e-5 * (Math.abs(wanted) + 100), `${path}, ${level}`);
          }
          at += n * rows;
          firstBias += rows;
        }
      }
    }
  }
});

Deno.test("the largest codes and activations do not overflow", () => {
  const cols = 64, rows = 4;
  const x = new Float32Array(cols).fill(1);
  const data = randomWeights("q8_0", rows * cols, 8);
  for (let block = 0; block < data.length; block += 34) {
    new DataView(data.buffer).setFloat16(block, 1, true);
    data.fill(0x80, block + 2, block + 34); // -128
  }
  for (const level of levels) {
    for (const path of ["decode", "prefill"] as const) {
      const y = linear({ path, level, n: 1, cols, x, projections: [{ dtype: "q8_0", rows, data }] });
      for (const value of y) assert.ok(Math.abs(value + 128 * cols) < 1e-6 * 128 * cols, `${path}, ${level}: ${value}`);
    }
  }
});

Deno.test("an activation that is no number spoils its own token only", () => {
  const cols = 256, rows = 40, n = 3;
  for (const dtype of DTYPES) {
    const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 9) }];
    const x = tokens(n, cols, 10), spoilt = x.slice();
    spoilt[cols + 100] = NaN;
    for (const path of ["decode", "prefill"] as const) {
      for (const level of levels) {
        const good = linear({ path, level, n, cols, x, projections });
        const bad = linear({ path, level, n, cols, x: spoilt, projections });
        assert.ok(bad.subarray(rows, 2 * rows).every(Number.isNaN), `${dtype}, ${path}, ${level}`);
        for (const token of [0, 2]) {
          const range = [token * rows, (token + 1) * rows] as const;
          assert.deepEqual(bits(bad.slice(...range)), bits(good.slice(...range)), `${dtype}, ${path}, ${level}`);
        }
      }
    }
  }
});

Deno.test("activations of zero give the bias exactly", () => {
  const cols = 256, rows = 40, x = new Float32Array(cols);
  const bias = tokens(1, rows, 11);
  for (const dtype of DTYPES) {
    const projections = [{ dtype, rows, data: randomWeights(dtype, rows * cols, 12) }];
    for (const path of ["decode", "prefill"] as const) {
      for (const level of levels) {
        assert.deepEqual(
          linear({ path, level, n: 1, cols, x, projections, bias }),
          bias,
          `${dtype}, ${path}, ${level}`,
        );
      }
    }
  }
});

Deno.test("linear() takes few tokens as decode does, and many as prefill does", () => {
  const cols = 256, rows = 40;
  const projections = [{ dtype: "q4_0" as const, rows, data: randomWeights("q4_0", rows * cols, 13) }];
  for (const level of levels) {
    for (const [n, path] of [[1, "decode"], [16, "decode"], [17, "prefill"], [64, "prefill"]] as const) {
      const call = { level, n, cols, x: tokens(n, cols, 14), projections };
      assert.deepEqual(bits(linear({ ...call, path: "either" })), bits(linear({ ...call, path })), `${n}, ${level}`);
    }
  }
});
