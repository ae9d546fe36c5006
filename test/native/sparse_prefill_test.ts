/** Prefill under patterns, against the float64 reference, which lists for every row what it sees. */
import assert from "node:assert/strict";
import type { LayerPatterns, Pattern } from "../../lib/methods/pattern.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { EXACT, type LoadedTiny, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 4, kvHeads: 2, headDim: 16, layers: 3, dim: 32, hiddenDim: 32 } as const;

const A_SHAPE: Pattern = { kind: "a_shape", first: 10, second: 40 };
const SLASH: Pattern = { kind: "vertical_slash", first: 40, second: 55 };
const BLOCK: Pattern = { kind: "block", first: 2, second: 0 };
const PLAIN: Pattern = { kind: "dense", first: 0, second: 0 };

const PATTERNS: Record<string, LayerPatterns[]> = {
  "a shape": [[A_SHAPE], [A_SHAPE], [A_SHAPE]],
  "vertical slash": [[SLASH], [SLASH], [SLASH]],
  "forced columns and distances": [[{ ...SLASH, first: 1, second: 1 }], [PLAIN], [PLAIN]],
  "blocks": [[BLOCK], [BLOCK], [BLOCK]],
  "one block, the own one": [[{ ...BLOCK, first: 1 }], [PLAIN], [BLOCK]],
  "every head its own": [[PLAIN, A_SHAPE, SLASH, BLOCK], [BLOCK, SLASH, SLASH, PLAIN], [SLASH, PLAIN, A_SHAPE, SLASH]],
};

function sparse(tiny: LoadedTiny, patterns: readonly LayerPatterns[], chunkTokens = 0): NativeSession {
  const session = tiny.session({ ...EXACT, chunkTokens });
  patterns.forEach((heads, layer) => session.setPatterns(layer, heads));
  return session;
}

function assertClose(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const error = relativeError(found, wanted);
  assert(error < 5e-5, `relative error of the logits ${error}`);
}

for (const [name, patterns] of Object.entries(PATTERNS)) {
  Deno.test(`sparse prefill attends to what the reference does: ${name}`, async () => {
    await using tiny = await loadTiny(SHAPE);
    for (const [n, chunk] of [[257, 0], [200, 23], [192, 64], [65, 0], [2, 0]] as const) {
      const session = sparse(tiny, patterns, chunk), reference = tiny.reference();
      await session.prefill(randomTokens(n, n));
      assertClose(session.logits(), reference.prefill(randomTokens(n, n), patterns));
      if (n < 200) continue; // a pattern must matter, or agreement says nothing
      const dense = tiny.session(EXACT);
      await dense.prefill(randomTokens(n, n));
      assert(relativeError(session.logits(), dense.logits()) > 1e-3);
    }
  });

  Deno.test(`a later turn is sparse over the history, too: ${name}`, async () => {
    await using tiny = await loadTiny(SHAPE);
    const session = sparse(tiny, patterns), reference = tiny.reference();
    for (const n of [150, 1, 90]) { // the last turn begins in the middle of a block
      await session.prefill(randomTokens(n, n), { plan: DENSE });
      assertClose(session.logits(), reference.prefill(randomTokens(n, n), patterns));
      reference.compress(DENSE);
      await NativeSession.decode([session], [7]); // decode steps attend to everything
      assertClose(session.logits(), reference.decode(7));
    }
  });
}

Deno.test("what a sparse prefill cached is evicted like anything else", async () => {
  await using tiny = await loadTiny(SHAPE);
  for (const name of ["snapkv", "attention of all queries", "expected attention", "rocketkv"]) {
    const session = sparse(tiny, PATTERNS["every head its own"]!, 50);
    await session.prefill(randomTokens(200, 1), { plan: PLANS[name]! });
    const later = sparse(tiny, PATTERNS["every head its own"]!, 0);
    await later.prefill(randomTokens(200, 1));
    if (name === "snapkv" || name === "rocketkv") {
      await later.compress(PLANS[name]!);
      assert.deepEqual([...session.cached(1, 0)], [...later.cached(1, 0)]);
    }
    assert.equal(session.cached(1, 0).length, 30);
    assertClose(session.logits(), later.logits());
  }
});

Deno.test("patterns that cover the prompt, and single tokens, run dense to the bit", async () => {
  await using tiny = await loadTiny(SHAPE);
  const roomy: Pattern[] = [
    { kind: "a_shape", first: 100, second: 100 },
    { kind: "vertical_slash", first: 200, second: 1 },
    { kind: "vertical_slash", first: 1, second: 200 },
    { kind: "block", first: 4, second: 0 },
  ];
  const dense = tiny.session(EXACT);
  await dense.prefill(randomTokens(200, 1));
  for (const pattern of roomy) {
    const session = sparse(tiny, [[pattern], [pattern], [pattern]]);
    await session.prefill(randomTokens(200, 1));
    assert.deepEqual(session.logits(), dense.logits(), JSON.stringify(pattern));
  }
  const one = sparse(tiny, PATTERNS["blocks"]!), control = tiny.session(EXACT);
  for (const session of [one, control]) await session.prefill([9]);
  assert.deepEqual(one.logits(), control.logits());
});

Deno.test("forks keep the patterns", async () => {
  await using tiny = await loadTiny(SHAPE);
  const parent = sparse(tiny, PATTERNS["a shape"]!);
  using fork = parent.fork();
  for (const session of [parent, fork]) await session.prefill(randomTokens(200, 1));
  assert.deepEqual(fork.logits(), parent.logits());
});

Deno.test("cancelling a sparse prefill leaves the session as it was", async () => {
  await using tiny = await loadTiny({ ...SHAPE, dim: 256, hiddenDim: 512, layers: 3 });
  const session = sparse(tiny, PATTERNS["vertical slash"]!, 16);
  const abort = new AbortController();
  const cancelled = session.prefill(randomTokens(12_000, 2), {
    signal: abort.signal,
    onProgress: (done) => done > 0 && abort.abort(),
  });
  await assert.rejects(cancelled, { name: "AbortError" });
  assert.equal(session.stats().n_tokens, 0);
  assert.equal(session.stats().kv_bytes, 0);
});
