import assert from "node:assert/strict";
import type { Pattern } from "../../lib/methods/pattern.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { CODED } from "../support/caches.ts";
import { EXACT, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;

Deno.test("session options that cannot be are refused by field, wanted and found", async () => {
  await using tiny = await loadTiny(SHAPE);
  const wrong: [SessionOptions, RegExp][] = [
    [{ chunkTokens: -1 }, /chunk_tokens must be >= 0: found -1/],
    [{ kvBits: 3 as 2 }, /kv_bits must be 0, 2, 4 or 8: found 3/],
    [{ kvBits: 4, kvGroup: 0 }, /kv_group and kv_residual must be >= 1: found 0 and 128/],
    [{ kvBits: 4, kvGroup: 8, kvResidual: 12 }, /kv_group must divide kv_residual and head_dim: found 8, 12 and 16/],
    [{ kvBits: 4, kvGroup: 32 }, /kv_group must divide kv_residual and head_dim: found 32, 128 and 16/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => NativeSession.create(tiny.model, options), message, JSON.stringify(options));
  }
});

Deno.test("patterns that cannot be are refused and change nothing", async () => {
  await using tiny = await loadTiny(SHAPE);
  await using windowed = await loadTiny({ ...SHAPE, arch: "mistral", slidingWindow: 8 });
  const session = tiny.session();
  const pattern: Pattern = { kind: "a_shape", first: 2, second: 8 };
  assert.throws(() => session.setPatterns(3, [pattern]), /layer must be between 0 and 2: found 3/);
  assert.throws(() => session.setPatterns(0, [pattern, pattern]), /n_patterns must be 1 or 6: found 2/);
  assert.throws(() => session.setPatterns(0, [{ ...pattern, kind: "x" as "dense" }]), /kind must be between 0 and 3/);
  assert.throws(() => session.setPatterns(0, [{ ...pattern, first: -1 }]), /first must be >= 0: found -1/);
  assert.throws(() => session.setPatterns(0, [{ ...pattern, second: 0 }]), /second must be >= 1: found 0/);
  assert.throws(() => session.setPatterns(0, [{ kind: "block", first: 0, second: 0 }]), /first must be >= 1: found 0/);
  assert.throws(() => windowed.session().setPatterns(0, [pattern]), /model with a sliding window/);
  windowed.session().setPatterns(0, [{ kind: "dense", first: 0, second: 0 }]);
  const untouched = tiny.session();
  for (const s of [session, untouched]) await s.prefill(randomTokens(80, 1), { plan: DENSE });
  assert.deepEqual(session.logits(), untouched.logits());
});

Deno.test("forks keep the patterns of their parent", async () => {
  await using tiny = await loadTiny(SHAPE);
  const parent = tiny.session(), dense = tiny.session();
  parent.setPatterns(1, [{ kind: "a_shape", first: 1, second: 4 }]);
  using fork = parent.fork();
  for (const s of [parent, fork, dense]) await s.prefill(randomTokens(80, 1), { plan: DENSE });
  assert.deepEqual(fork.logits(), parent.logits());
  assert.notDeepEqual(fork.logits(), dense.logits());
});

Deno.test("coded rows take the bytes of their codes and scales, the most recent ones stay plain", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session({ kvType: "bf16", kvBits: 4, kvGroup: 8, kvResidual: 16 });
  const report = await session.prefill(randomTokens(60, 1), { plan: DENSE });
  const rows = SHAPE.layers * SHAPE.kvHeads, d = SHAPE.headDim;
  const plain = 2 * d * 2; // K and V in bf16
  const coded = 2 * (d / 2) + 2 * (d / 8) * 4; // and f16 scale and min per 8 elements
  const bytes = (n: number) => rows * (n * coded + (session.stats().n_tokens - n) * plain);
  assert.equal(report!.bytesBefore, rows * 60 * plain);
  assert.equal(report!.bytesAfter, bytes(40)); // of 60 - 16 whole groups
  const steps: number[] = [];
  for (const token of randomTokens(10, 2)) {
    await NativeSession.decode([session], [token]);
    steps.push(session.stats().kv_bytes);
  }
  // A group is coded at the beginning of the step that finds it complete: 24 plain tokens at the 5th step.
  assert.deepEqual(steps, steps.map((_, i) => rows * ((i < 4 ? 40 : 48) * (coded - plain) + (61 + i) * plain)));
  assert.equal(session.stats().attend_read_bytes, session.stats().kv_bytes);
});

Deno.test("a residual that covers everything changes nothing, 8 bits change little, 2 bits more", async () => {
  await using tiny = await loadTiny(SHAPE);
  const logits = async (options: SessionOptions) => {
    const session = tiny.session(options);
    await session.prefill(randomTokens(60, 1), { plan: DENSE });
    for (const token of randomTokens(30, 2)) await NativeSession.decode([session], [token]);
    return session.logits();
  };
  const exact = await logits(EXACT);
  assert.deepEqual(await logits({ ...EXACT, kvBits: 2, kvGroup: 16, kvResidual: 96 }), exact);
  const [eight, two] = [
    relativeError(await logits(CODED["8 bits"]!), exact),
    relativeError(await logits({ ...EXACT, kvBits: 2, kvGroup: 8, kvResidual: 16 }), exact),
  ];
  assert(eight > 0 && eight < 0.02, `8 bits: ${eight}`);
  assert(two > 3 * eight && two < 1, `2 bits: ${two}, 8 bits: ${eight}`);
});

Deno.test("a coded session refuses plans that drop a token at every step", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session(CODED["8 bits"]);
  const plan = PLANS["recent"]!;
  await assert.rejects(session.prefill([1, 2, 3], { plan }), /step_keep cannot be combined with kv_bits/);
  await session.prefill([1, 2, 3]);
  await assert.rejects(session.compress(plan), /step_keep cannot be combined with kv_bits/);
  await session.compress(DENSE);
});
