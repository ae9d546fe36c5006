import assert from "node:assert/strict";
import type { Plan } from "../../lib/methods/plan.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { CACHES } from "../support/caches.ts";
import { loadTiny, randomTokens } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 6, kvHeads: 2, headDim: 16, layers: 3 } as const;

async function continuation(session: NativeSession, plan: Plan): Promise<number[]> {
  const all: number[] = [...session.logits()];
  for (const token of [5, 6, 7]) {
    await NativeSession.decode([session], [token]);
    all.push(...session.logits());
  }
  await session.prefill(randomTokens(9, 8), { plan });
  await NativeSession.decode([session], [8]);
  return [...all, ...session.logits()];
}

Deno.test("a saved session goes on exactly as the original, for every plan", async () => {
  await using tiny = await loadTiny(SHAPE);
  for (const [name, plan, options] of CACHES) {
    const session = tiny.session(options);
    await session.prefill(randomTokens(60, 1), { plan });
    for (const token of randomTokens(70, 2)) await NativeSession.decode([session], [token]);
    const path = `${tiny.folder}/saved`;
    await session.save(path);
    using loaded = await NativeSession.load(tiny.model, path);
    for (const field of ["n_tokens", "kv_bytes", "query_bytes"] as const) {
      assert.equal(loaded.stats()[field], session.stats()[field], `${name}: ${field}`);
    }
    for (const head of [0, 3, 5]) assert.deepEqual(loaded.cached(2, head), session.cached(2, head), name);
    assert.deepEqual(await continuation(loaded, plan), await continuation(session, plan), name);
  }
});

Deno.test("a prefilled session can be saved before it is compressed", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session();
  await session.prefill(randomTokens(60, 1));
  await session.save(`${tiny.folder}/saved`);
  using loaded = await NativeSession.load(tiny.model, `${tiny.folder}/saved`);
  const plan = PLANS["rocketkv"]!;
  await session.compress(plan);
  await loaded.compress(plan);
  assert.deepEqual(await continuation(loaded, plan), await continuation(session, plan));
});

Deno.test("what a prefill observed and the patterns of later ones are saved, too", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session({ observe: ["attention", "queries"] });
  await session.prefill(randomTokens(60, 1));
  session.setPatterns(1, [{ kind: "a_shape", first: 2, second: 8 }]);
  await session.save(`${tiny.folder}/saved`);
  using loaded = await NativeSession.load(tiny.model, `${tiny.folder}/saved`);
  for (const name of ["h2o", "expected attention, covariance, weighed by values"]) {
    using a = session.fork(), b = loaded.fork();
    await a.compress(PLANS[name]!);
    await b.compress(PLANS[name]!);
    assert.deepEqual(await continuation(b, PLANS[name]!), await continuation(a, PLANS[name]!), name);
  }
});

Deno.test("a session file of another model is refused", async () => {
  await using tiny = await loadTiny(SHAPE);
  await using other = await loadTiny({ ...SHAPE, seed: 2 });
  const session = tiny.session();
  await session.prefill([1, 2, 3]);
  await session.save(`${tiny.folder}/saved`);
  await assert.rejects(NativeSession.load(other.model, `${tiny.folder}/saved`), /made with another model/);
});

Deno.test("a damaged or truncated session file is refused, wherever the damage is", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session({ kvBits: 4, kvGroup: 8, kvResidual: 8 });
  await session.prefill(randomTokens(40, 1), { plan: PLANS["rocketkv-mt with votes per query head"]! });
  const path = `${tiny.folder}/saved`;
  await session.save(path);
  const whole = await Deno.readFile(path);
  const live = tiny.model.usage().kv_bytes_live;
  for (let i = 0; i < 120; i++) {
    const at = i < 40 ? i * 7 : Math.floor((i / 120) * whole.length);
    const flipped = whole.slice();
    flipped[at]! ^= 0x41;
    await Deno.writeFile(path, flipped);
    await assert.rejects(NativeSession.load(tiny.model, path), { name: "NativeError" }, `byte ${at} flipped`);
    await Deno.writeFile(path, whole.subarray(0, at));
    await assert.rejects(NativeSession.load(tiny.model, path), { name: "NativeError" }, `cut at ${at}`);
  }
  await Deno.writeFile(path, new Uint8Array([...whole, 0]));
  await assert.rejects(NativeSession.load(tiny.model, path), /longer|checksum/);
  await assert.rejects(NativeSession.load(tiny.model, `${path}-missing`), /No such file/);
  assert.equal(tiny.model.usage().kv_bytes_live, live, "nothing leaks");
});

Deno.test("saving replaces a file whole and leaves no temporary file when it fails", async () => {
  await using tiny = await loadTiny(SHAPE);
  const session = tiny.session();
  await session.prefill(randomTokens(40, 1));
  await assert.rejects(session.save(`${tiny.folder}/no/such/folder`), /No such file/);
  await Deno.mkdir(`${tiny.folder}/taken/inside`, { recursive: true });
  await assert.rejects(session.save(`${tiny.folder}/taken`), /taken/); // a folder cannot be replaced by a file
  await session.save(`${tiny.folder}/saved`);
  await session.save(`${tiny.folder}/saved`);
  using loaded = await NativeSession.load(tiny.model, `${tiny.folder}/saved`);
  assert.equal(loaded.stats().n_tokens, 40);
  const left = [...Deno.readDirSync(tiny.folder)].filter(({ name }) => name.includes(".part"));
  assert.deepEqual(left, []);
});
