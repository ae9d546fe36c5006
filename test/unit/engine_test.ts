import assert from "node:assert/strict";
import { Conversation } from "../../lib/engine/conversation.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { generate } from "../../lib/engine/generate.ts";
import { logprobOf, topLogprobs } from "../../lib/engine/logprobs.ts";
import { measurementIds } from "../../lib/engine/measure.ts";
import { median } from "../../lib/statistics.ts";
import type { Recipe } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { tinyModel, type TinyOptions } from "../support/tiny_model.ts";

const TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

/** Renders earlier answers in capitals, as templates that drop thoughts change them too. */
const REWRITING = "{% for m in messages %}<{{ m.role }}>" +
  "{% if m.role == 'assistant' %}[{{ m.content | length }}]{% else %}{{ m.content }}{% endif %}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

async function openTiny(options: TinyOptions = {}): Promise<Engine> {
  const path = Deno.makeTempFileSync({ suffix: ".gguf" });
  tinyModel({ chatTemplate: TEMPLATE, ...options }).writeGguf(path);
  const engine = await Engine.open({ model: path, device: "cpu", threads: 2 });
  Deno.removeSync(path); // the library has it mapped
  return engine;
}

const recipe = (name: string, tokens: number): Recipe => ({
  method: findMethod(name),
  budget: { kind: "tokens", tokens },
  set: {},
});
const exact = { kvType: "f32" } as const;

Deno.test("a conversation with the full cache says what one prefill of its whole text says", async () => {
  using engine = await openTiny();
  using conversation = new Conversation(engine, { recipe: recipe("full", 1), session: exact });
  const options = { sampler: GREEDY, newTokens: 8, ignoreEos: true };
  await conversation.turn("How are you?", options);
  const before = conversation.state;
  const second = await conversation.turn("And now?", options);
  const promptIds = conversation.state.ids.slice(0, -8);
  assert.deepEqual(promptIds.slice(0, before.ids.length), before.ids, "the history is kept as it was generated");
  const fresh = await generate(engine, { promptIds, recipe: recipe("full", 1), session: exact, ...options });
  assert.deepEqual(second.ids, fresh.generatedIds);
});

Deno.test("a turn prefills only what is new", async () => {
  using engine = await openTiny();
  using conversation = new Conversation(engine, { recipe: recipe("rocketkv-mt", 64), session: exact });
  const prefilled: number[] = [];
  const options = {
    sampler: GREEDY,
    newTokens: 4,
    ignoreEos: true,
    onPrefill: (_: number, total: number) => prefilled.push(total / engine.config.nLayers),
  };
  await conversation.turn("a".repeat(200), options);
  const { ids, cached } = conversation.state;
  await conversation.turn("b", options);
  const total = conversation.state.ids.length - 4;
  assert.equal(prefilled.at(-1), total - cached);
  assert(prefilled.at(-1)! < 60 && ids.length > 200);
  assert.equal(conversation.session!.stats().n_tokens, conversation.state.cached);
});

Deno.test("a template that rewrites its past makes the history be prefilled again", async () => {
  using engine = await openTiny({ chatTemplate: REWRITING });
  using conversation = new Conversation(engine, { recipe: recipe("full", 1), session: exact });
  const options = { sampler: GREEDY, newTokens: 6, ignoreEos: true };
  await conversation.turn("one", options);
  const { messages } = conversation.state;
  const second = await conversation.turn("two", options);
  const text = engine.text.chat!.render([...messages, { role: "user", content: "two" }]);
  const promptIds = engine.text.tokenizer.encode(text);
  const fresh = await generate(engine, { promptIds, recipe: recipe("full", 1), session: exact, ...options });
  assert.deepEqual(second.ids, fresh.generatedIds);
});

Deno.test("a turn that is stopped during its prefill is undone", async () => {
  using engine = await openTiny({ layers: 8 });
  using conversation = new Conversation(engine, { recipe: recipe("full", 1), session: { ...exact, chunkTokens: 16 } });
  const options = { sampler: GREEDY, newTokens: 4, ignoreEos: true };
  await conversation.turn("one", options);
  const { state } = conversation;
  const stop = new AbortController();
  const turn = conversation.turn("x".repeat(3000), { ...options, signal: stop.signal });
  setTimeout(() => stop.abort());
  await assert.rejects(turn, { name: "AbortError" });
  assert.equal(conversation.state, state);
  const after = await conversation.turn("two", options);
  using undisturbed = new Conversation(engine, { recipe: recipe("full", 1), session: exact });
  await undisturbed.turn("one", options);
  assert.deepEqual(after.ids, (await undisturbed.turn("two", options)).ids);
});

Deno.test("an answer that is stopped stays in the history as far as it came", async () => {
  using engine = await openTiny();
  using conversation = new Conversation(engine, { recipe: recipe("full", 1) });
  const stop = new AbortController();
  let texts = 0;
  const onText = () => {
    if (++texts === 3) stop.abort();
  };
  const options = { sampler: GREEDY, newTokens: 500, ignoreEos: true, signal: stop.signal, onText };
  const answer = await conversation.turn("one", options);
  assert.equal(answer.finishReason, "cancelled");
  assert(answer.ids.length < 500);
  assert.equal(conversation.state.messages.at(-1)!.content, answer.text);
  assert.equal(conversation.session!.stats().n_tokens, conversation.state.cached);
});

Deno.test("topLogprobs() ranks by probability, ties to the lower id, and normalises", () => {
  const logits = Float32Array.from([0, 2, 2, -1, 3]);
  const top = topLogprobs(logits, 4);
  assert.deepEqual(top.map(({ id }) => id), [4, 1, 2, 0]);
  const sum = [...logits.keys()].reduce((total, id) => total + Math.exp(logprobOf(logits, id)), 0);
  assert(Math.abs(sum - 1) < 1e-12);
  assert.equal(topLogprobs(logits, 99).length, 5);
});

Deno.test("median() takes the middle, or the mean of the middle two", () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 3, 2])], [2, 2.5]);
});

Deno.test("measurementIds() repeats a text, or draws ids that are the same in every run", () => {
  assert.deepEqual(measurementIds(5, 99, [7, 8]), [7, 8, 7, 8, 7]);
  const ids = measurementIds(1000, 50);
  assert.deepEqual(ids, measurementIds(1000, 50));
  assert.deepEqual([Math.min(...ids), Math.max(...ids), new Set(ids).size], [0, 49, 50]);
});
