/** Tasks on a real server of another make: SmolLM2 in llama.cpp answers as SmolLM2 here does. */
import assert from "node:assert/strict";
import { EndpointClient } from "../../lib/endpoint/client.ts";
import { type Endpoint, runEndpointUnit } from "../../lib/endpoint/run_endpoint_unit.ts";
import { Slots } from "../../lib/endpoint/slots.ts";
import { Engine } from "../../lib/engine/engine.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { resolveModel } from "../../lib/model/hub.ts";
import { runUnit } from "../../lib/sweep/run/run_unit.ts";
import type { Unit } from "../../lib/sweep/run/unit.ts";
import { openTask } from "../../lib/tasks/catalog.ts";
import { llamaCppMissing, startLlamaCpp } from "../support/llama_cpp.ts";

const missing = await llamaCppMissing();
if (missing !== null) console.log(`skipped: llama.cpp cannot be fetched or run here: ${missing}`);

const CONTEXT = 1024;

Deno.test({
  name: "needles through llama.cpp are answered as on this machine, with log probabilities by echo and chats",
  ignore: missing !== null,
  fn: async () => {
    const { signal } = new AbortController();
    const model = await resolveModel("smollm2");
    using engine = await Engine.open({ model, device: "cpu", threads: 2 });
    await using server = await startLlamaCpp(model, CONTEXT);
    const client = new EndpointClient(server.url, "served", { attempts: 1 });
    assert.deepEqual(await client.check(), { id: "served", contextLength: null });
    await assert.rejects(new EndpointClient(server.url, "smollm2").check(), /expected one of served$/);

    const notes: string[] = [];
    const onNote = (note: string) => notes.push(note);
    const endpoint: Endpoint = {
      client,
      text: engine.text,
      contextLength: CONTEXT,
      echo: true,
      slots: new Slots(2),
      onNote,
    };
    const task = await openTask({ name: "niah", options: { depths: [50], key: "digits:7" } });
    const length = { unit: "tokens", count: 256 } as const;
    const [group] = await task.groups({ text: engine.text, length, seed: 1, count: 1 });
    const recipe = { method: findMethod("full"), budget: { kind: "tokens", tokens: 1 }, set: {} } as const;
    const unit: Unit = {
      task,
      group: group!,
      arms: [{ cell: "full", recipe }],
      moment: "query-aware",
      scorer: "fixed",
      truncate: "refuse",
      session: {},
      done: new Set(),
    };
    const local = await Array.fromAsync(runUnit(engine, unit, { signal }));
    const remote = await Array.fromAsync(runEndpointUnit(endpoint, unit, { signal }));
    assert.deepEqual(notes, [], "the same token ids");
    for (const [i, { answers: [answer] }] of remote.entries()) {
      const { prediction: here } = local[i]!.answers[0]!, { prediction: there } = answer!;
      assert.deepEqual([there.sample, there.prompt, there.scores], [here.sample, here.prompt, here.scores]);
      assert.equal(there.scores!.score, 1, there.answer);
      // Other kernels and f16 instead of bf16 caches: close, not equal.
      const off = there.expectedLogprobs!.map((value, t) => Math.abs(value - here.expectedLogprobs![t]!));
      assert.equal(off.length, here.expectedLogprobs!.length);
      assert(Math.max(...off) < 0.15, `${off}`);
    }

    // Its chats leave out the system message that SmolLM2's template begins with: that is noticed.
    const question = { question: "What is the capital of France?", answerPrefix: "", maxNewTokens: 12 };
    const scoring = { metric: "match_all", references: ["Paris"] } as const;
    const sample = { key: "chat", depth: null, context: "", turns: [{ ...question, scoring }], chat: "model" } as const;
    const chat = { ...unit, group: { id: "c", keys: ["chat"], make: () => Promise.resolve([sample]) } };
    const [said] = await Array.fromAsync(runEndpointUnit(endpoint, chat, { signal }));
    assert.equal(said!.answers[0]!.prediction.scores!.score, 1, said!.answers[0]!.prediction.answer);
    assert.match(
      notes.join("\n"),
      /^The server counts \d+ tokens in the prompt of sample chat, --tokenizer counts \d+/,
    );
  },
});
