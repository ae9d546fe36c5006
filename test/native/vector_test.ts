import assert from "node:assert/strict";
import { DTYPES } from "../../lib/model/types.ts";
import { toBf16 } from "../reference/quant.ts";
import { random, randomRows } from "../reference/random.ts";

const lib = Deno.dlopen(new URL("../../build/librkv_test.so", import.meta.url), {
  rkvt_best_cpu_level: { parameters: [], result: "i32" },
  rkvt_rms_norm: { parameters: ["i32", "i32", "buffer", "buffer", "f32", "i32", "i32", "buffer"], result: "void" },
  rkvt_add: { parameters: ["i32", "i32", "buffer", "buffer", "i32"], result: "void" },
  rkvt_silu_mul: { parameters: ["i32", "i32", "buffer", "buffer", "i32"], result: "void" },
  rkvt_rope: {
    parameters: [
      "i32", //    level
      "i32", //    threads
      "buffer", // positions
      "buffer", // inv_freq
      "i32", //    pairs
      "f32", //    factor
      "i32", //    n
      "i32", //    heads
      "i32", //    d
      "i32", //    interleaved
      "buffer", // x
      "buffer", // table
    ],
    result: "void",
  },
  rkvt_store_kv: {
    parameters: ["i32", "i32", "buffer", "i32", "i32", "i32", "i32", "buffer", "i32"],
    result: "void",
  },
  rkvt_read_bandwidth: { parameters: ["i32", "i32", "i32", "i32"], result: "f64" },
}).symbols;

const LEVELS = [1, 2, 3].slice(0, lib.rkvt_best_cpu_level());
/** One thread, and sizes above this are shared out between several. */
const SHARED = 16384;

type Floats = Float32Array<ArrayBuffer>;

const floats = (count: number, seed: number): Floats => Float32Array.from(randomRows(1, count, seed)[0]!);

function assertClose(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(got.length, wanted.length);
  for (let i = 0; i < got.length; i++) {
    const off = Math.abs(got[i]! - wanted[i]!);
    assert.ok(off <= tolerance * (1 + Math.abs(wanted[i]!)), `${what}, element ${i}: ${got[i]}, wanted ${wanted[i]}`);
  }
}

/** Run for every level, with one thread and with several, which must not make any difference. */
function everywhere(
  run: (level: number, threads: number) => Floats,
  check: (got: Floats, level: number) => void,
): void {
  for (const level of LEVELS) {
    const alone = run(level, 1);
    check(alone, level);
    assert.deepEqual(run(level, 3), alone, `level ${level}: more threads change the result`);
  }
}

Deno.test("rms_norm divides rows by their root mean square", () => {
  for (const [n, dim] of [[1, 1], [3, 7], [2, 576], [1, 4096], [2, 4097], [100, 576]] as const) {
    const x = floats(n * dim, dim), weight = floats(dim, 2), eps = Math.fround(1e-5);
    const wanted = Float64Array.from(x, (v, i) => {
      const row = x.subarray(i - i % dim, i - i % dim + dim);
      const meanSquare = row.reduce((sum, a) => sum + a * a, 0) / dim;
      return v / Math.sqrt(meanSquare + eps) * weight[i % dim]!;
    });
    everywhere((level, threads) => {
      const y = new Float32Array(n * dim);
      lib.rkvt_rms_norm(level, threads, x, weight, eps, n, dim, y);
      return y;
    }, (got, level) => assertClose(got, wanted, 3e-7, `level ${level}, ${n} x ${dim}`));
  }
});

Deno.test("rms_norm stays exact on very long rows", () => {
  // Squares of 0.1 added up in f32 alone would drift by some 1e-4.
  const dim = 1 << 20, x = new Float32Array(dim).fill(0.1), weight = new Float32Array(dim).fill(1);
  for (const level of LEVELS) {
    const y = new Float32Array(dim);
    lib.rkvt_rms_norm(level, 1, x, weight, 0, 1, dim, y);
    assert.ok(Math.abs(y[0]! - 1) < 2e-7, `level ${level}: ${y[0]}`);
  }
});

Deno.test("add and silu_mul work element by element", () => {
  for (const count of [1, 7, 8, 15, 16, 17, 1536, 3 * SHARED + 5]) {
    const x = floats(count, 3), y = floats(count, 4);
    everywhere((level, threads) => {
      const sum = x.slice();
      lib.rkvt_add(level, threads, sum, y, count);
      return sum;
    }, (got) => assert.deepEqual(got, x.map((v, i) => v + y[i]!)));
    everywhere((level, threads) => {
      const gate = x.slice();
      lib.rkvt_silu_mul(level, threads, gate, y, count);
      return gate;
    }, (got, level) => {
      // exp is right to 2e-7, and so is what follows from it
      assertClose(got, x.map((v, i) => v / (1 + Math.exp(-v)) * y[i]!), 5e-7, `level ${level}, ${count} elements`);
    });
  }
});

Deno.test("silu_mul is right far from zero", () => {
  const gate = [-1e30, -200, -88, -60, -20, -1e-20, 0, 1e-20, 20, 60, 88, 200, 1e30];
  for (const level of LEVELS) {
    const got = Float32Array.from(gate), up = new Float32Array(gate.length).fill(1);
    lib.rkvt_silu_mul(level, 1, got, up, gate.length);
    gate.forEach((x, i) => {
      const wanted = x > 0 ? x / (1 + Math.exp(-x)) : x * Math.exp(x) / (1 + Math.exp(x));
      // Exponents end at 88: the quotient of -1e30 is -6e-9, which is still nothing to its neighbours in a sum.
      assert.ok(Math.abs(got[i]! - wanted) <= 5e-7 * Math.abs(wanted) + 1e-8, `level ${level}, silu(${x}) = ${got[i]}`);
    });
  }
});

Deno.test("rope rotates both pairings by position times frequency", () => {
  for (
    const [n, heads, d, pairs] of [[1, 3, 64, 32], [5, 2, 24, 12], [3, 2, 128, 30], [2, 1, 8, 1], [
      90,
      9,
      64,
      32,
    ]] as const
  ) {
    const x = floats(n * heads * d, d), next = random(5);
    const positions = Int32Array.from({ length: n }, (_, t) => t === 0 ? 131_071 : Math.floor(next() * 40_000));
    const invFreq = Float64Array.from({ length: pairs }, (_, i) => 10_000 ** (-i / pairs));
    const factor = 1.25;
    for (const interleaved of [0, 1]) {
      const table = new Float32Array(n * pairs * 2);
      const wanted = Float64Array.from(x);
      for (let t = 0; t < n; t++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < pairs; i++) {
            const at = (t * heads + h) * d;
            const a = at + (interleaved ? 2 * i : i), b = at + (interleaved ? 2 * i + 1 : i + pairs);
            const angle = positions[t]! * invFreq[i]!;
            const cos = factor * Math.cos(angle), sin = factor * Math.sin(angle);
            wanted[a] = x[a]! * cos - x[b]! * sin;
            wanted[b] = x[b]! * cos + x[a]! * sin;
          }
        }
      }
      everywhere((level, threads) => {
        const got = x.slice();
        lib.rkvt_rope(level, threads, positions, invFreq, pairs, factor, n, heads, d, interleaved, got, table);
        return got;
      }, (got, level) => {
        assertClose(
          got,
          wanted,
          5e-7,
          `level ${level}, interleaved ${interleaved}, ${n} x ${heads} x ${d}, ${pairs} pairs`,
        );
        for (let i = 0; i < got.length; i++) {
          if (i % d >= 2 * pairs) assert.equal(got[i], x[i], "a dim that is not rotated changed");
        }
      });
      // 0.5 ulp of f32 for the table itself: angles of 131071 radians are exact to 1e-11 in f64.
      table.forEach((v, i) => {
        const angle = positions[Math.floor(i / (2 * pairs))]! * invFreq[Math.floor(i / 2) % pairs]!;
        assert.equal(v, Math.fround(factor * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle))), `table[${i}]`);
      });
    }
  }
});

Deno.test("store_kv writes every head's rows to its own place", () => {
  for (const [n, heads, d] of [[1, 3, 64], [5, 1, 8], [7, 2, 80], [200, 3, 64]] as const) {
    const rows = floats(n * heads * d, n);
    rows[0] = 1 + 2 ** -8; //     a tie: to even, down
    rows[1] = 1 + 3 * 2 ** -8; // a tie: to even, up
    rows[2] = 1e-40; //           denormal
    rows[3] = NaN;
    rows[4] = 3.4e38; //          rounds to infinity
    for (const dtype of ["bf16", "f32"] as const) {
      const size = dtype === "f32" ? 4 : 2;
      const stride = (n + 2) * d * size;
      for (const level of LEVELS) {
        for (const threads of [1, 3]) {
          const out = new Uint8Array(heads * stride);
          lib.rkvt_store_kv(level, threads, rows, n, heads, d, DTYPES.indexOf(dtype), out, stride);
          const view = new DataView(out.buffer);
          for (let h = 0; h < heads; h++) {
            for (let i = 0; i < n * d; i++) {
              const x = rows[(Math.floor(i / d) * heads + h) * d + i % d]!;
              const got = dtype === "f32"
                ? view.getFloat32(h * stride + 4 * i, true)
                : view.getUint16(h * stride + 2 * i, true);
              const wanted = dtype === "f32" ? x : toBf16(x);
              if (Number.isNaN(x)) assert.ok(dtype === "f32" ? Number.isNaN(got) : (got & 0x7fff) > 0x7f80);
              else assert.equal(got, wanted, `${dtype}, level ${level}, head ${h}, element ${i}`);
            }
            assert.ok(
              out.subarray(h * stride + n * d * size, (h + 1) * stride).every((b) => b === 0),
              "wrote past the rows",
            );
          }
        }
      }
    }
  }
});

Deno.test("the read bandwidth of a small buffer is a plausible number", () => {
  for (const level of LEVELS) {
    const rate = lib.rkvt_read_bandwidth(level, 2, 1 << 20, 3);
    assert.ok(rate > 1e8 && rate < 1e13, `${rate} bytes a second`);
  }
});
