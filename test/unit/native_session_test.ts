import assert from "node:assert/strict";
import { DENSE } from "../../lib/methods/plan.ts";
import { Library } from "../../lib/native/library.ts";
import { NativeModel } from "../../lib/native/model.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { loadTiny, randomTokens } from "../support/native.ts";

Deno.test("a session cannot be used or freed while a call on it runs", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  const running = session.prefill(randomTokens(400, 1), { plan: DENSE });
  const busy = { name: "Error", message: "Cannot use a session while a call on it runs" };
  assert.throws(() => session.stats(), busy);
  assert.throws(() => session[Symbol.dispose](), busy);
  await assert.rejects(NativeSession.decode([session], [1]), busy);
  await running;
  assert.equal(session.stats().n_tokens, 400);
});

Deno.test("a session that was freed cannot be used, and is freed only once", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  session[Symbol.dispose]();
  session[Symbol.dispose]();
  assert.throws(() => session.stats(), { message: "Cannot use a session that was freed" });
});

Deno.test("an aborted prefill leaves the session empty and usable", async () => {
  await using tiny = await loadTiny({ layers: 8 });
  const session = tiny.session({ chunkTokens: 16 });
  const stop = new AbortController();
  const tokens = randomTokens(2000, 1);
  const running = session.prefill(tokens, { signal: stop.signal });
  setTimeout(() => stop.abort());
  await assert.rejects(running, { name: "AbortError" });
  assert.equal(session.stats().state, 0);
  await session.prefill(tokens.slice(0, 10), { plan: DENSE });
  assert.equal(session.stats().n_tokens, 10);
});

Deno.test("a signal that is aborted already stops the prefill before it begins", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  await assert.rejects(session.prefill([1, 2], { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(session.stats().n_tokens, 0);
});

Deno.test("prefill() reports progress in tokens x layers, up to the end", async () => {
  await using tiny = await loadTiny({ layers: 3 });
  const seen: [number, number][] = [];
  await tiny.session().prefill(randomTokens(50, 1), { onProgress: (done, total) => seen.push([done, total]) });
  assert.deepEqual(seen.at(-1), [150, 150]);
});

Deno.test("decode() fills the logits of every session and draws from them", async () => {
  await using tiny = await loadTiny();
  const sessions = [tiny.session(), tiny.session()];
  for (const [i, session] of sessions.entries()) await session.prefill(randomTokens(20 + i, i), { plan: DENSE });
  const vocab = tiny.source.config.vocabSize;
  const logits = new Float32Array(2 * vocab);
  const { tokens } = await NativeSession.decode(sessions, [65, 66], { logits, samplers: [GREEDY, GREEDY] });
  for (const [i, session] of sessions.entries()) {
    const own = logits.subarray(i * vocab, (i + 1) * vocab);
    assert.deepEqual(session.logits(), new Float32Array(own));
    assert.equal(tokens[i], own.indexOf(Math.max(...own)));
    assert.equal(session.sample(GREEDY), tokens[i]);
  }
});

Deno.test("cached() and selected() list positions in order", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  await session.prefill(randomTokens(40, 1), { plan: { ...DENSE, select: "exact", topK: 5 } });
  await NativeSession.decode([session], [7]);
  assert.deepEqual([...session.cached(0, 0)], Array.from({ length: 41 }, (_, i) => i));
  const selected = [...session.selected(1, 3)];
  assert.equal(selected.length, 5);
  assert.deepEqual(selected, selected.toSorted((a, b) => a - b));
});

Deno.test("refusals of the library arrive as one line with the action in front", async () => {
  await using tiny = await loadTiny();
  const session = tiny.session();
  await assert.rejects(session.prefill([1, 99_999]), {
    name: "NativeError",
    status: "ARG",
    message: /^Cannot prefill the prompt: token 1 must be between 0 and 259: found 99999$/,
  });
  await assert.rejects(session.compress(DENSE), { name: "NativeDefect", status: "STATE" });
  await assert.rejects(NativeSession.load(tiny.model, "/no/such/file"), { name: "NativeError", status: "IO" });
});

Deno.test("NativeModel.load() names the tensor that does not fit and frees what it began", async () => {
  await using tiny = await loadTiny();
  const tensors = tiny.source.tensors.map((tensor) =>
    tensor.role === "wk" ? { ...tensor, rows: tensor.rows + 1 } : tensor
  );
  await assert.rejects(NativeModel.load(Library.open(), { ...tiny.source, tensors }), {
    name: "NativeError",
    message: /^Cannot load tensor "model\.layers\.0\.self_attn\.k_proj\.weight": .*33/,
  });
});

Deno.test("NativeModel.load() names the tensors that are missing", async () => {
  await using tiny = await loadTiny();
  const tensors = tiny.source.tensors.filter(({ role }) => role !== "final_norm");
  await assert.rejects(NativeModel.load(Library.open(), { ...tiny.source, tensors }), {
    name: "NativeError",
    message: /^Cannot load model .*final_norm/i,
  });
});

Deno.test("a model cannot be freed before its sessions", async () => {
  await using tiny = await loadTiny();
  tiny.session();
  assert.throws(() => tiny.model[Symbol.dispose](), { name: "NativeDefect", status: "BUSY" });
});
