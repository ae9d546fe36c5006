/** Methods judged by outcomes: who still finds a needle when the cache is compressed. */
import assert from "node:assert/strict";
import { Engine } from "../../lib/engine/engine.ts";
import { planFor } from "../../lib/engine/recipe.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { makeNeedleModel, type NeedleModelOptions } from "../../scripts/make_needle_model.ts";
import { type Haystack, needleText } from "../support/needle_text.ts";

const HAYSTACKS: readonly Haystack[] = ["grass", "grammar"];
const F32: SessionOptions = { kvType: "f32" };

Deno.test("the full cache finds a needle of 1K tokens by the lead that the weights are made for", async (t) => {
  using needle = await openNeedle();
  for (const haystack of HAYSTACKS) {
    for (const depth of [10, 50, 90]) {
      await t.step(`${haystack}, depth ${depth}`, async () => {
        const { text, lead } = await ask(needle.engine, { haystack, tokens: 1024, depth }, "full");
        assert.equal(text, "71432.");
        // Any head, norm or MLP that is skipped or mixed up gives other bytes or another lead.
        assert(Math.abs(lead - 6.01) < 0.01, `the least lead is ${lead}`);
      });
    }
  }
});

Deno.test("bf16 weights and KV find the needle too", async () => {
  using needle = await openNeedle({ format: "gguf", dtype: "bf16" });
  const { text, lead } = await ask(needle.engine, { haystack: "grammar", tokens: 4096, depth: 30 }, "full", 0, {});
  assert.equal(text, "71432.");
  assert(lead > 5.9 && lead < 6.4, `the least lead is ${lead}`);
});

Deno.test("without a needle the model says EOS", async () => {
  using needle = await openNeedle();
  for (const haystack of HAYSTACKS) {
    const { first } = await ask(needle.engine, { haystack, tokens: 4096, depth: 50, present: false }, "full");
    assert(needle.engine.text.tokenizer.eosIds.includes(first), `the first token is ${first}`);
  }
});

Deno.test("one of eight needles is the right one", async () => {
  using needle = await openNeedle();
  for (const method of ["full", "rocketkv"]) {
    const { text } = await ask(
      needle.engine,
      { haystack: "grammar", tokens: 4096, depth: 20, needles: 8 },
      method,
      256,
    );
    assert.equal(text, "71432.", method);
  }
});

Deno.test("at 16K tokens a budget of 256 finds the needle with RocketKV and loses it with StreamingLLM", async (t) => {
  using needle = await openNeedle();
  for (const haystack of HAYSTACKS) {
    const prompt = await prefilled(needle.engine, { haystack, tokens: 16 * 1024, depth: 30 }, {});
    using _ = prompt.session;
    for (
      const [method, finds] of [["full", true], ["rocketkv", true], ["oracle", true], ["streaming", false]] as const
    ) {
      await t.step(`${haystack}, ${method}`, async () => {
        const { text } = await answer(needle.engine, prompt, method, 256);
        assert.equal(text === "71432.", finds, `it says "${text}"`);
      });
    }
  }
});

interface OpenNeedle extends Disposable {
  readonly engine: Engine;
}

async function openNeedle(options: NeedleModelOptions = {}): Promise<OpenNeedle> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-needle-" });
  const path = `${folder}/${options.format === "gguf" ? "needle.gguf" : "needle"}`;
  makeNeedleModel(path, options);
  const engine = await Engine.open({ model: path, device: "cpu" });
  return {
    engine,
    [Symbol.dispose]() {
      engine[Symbol.dispose]();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

/** A prompt whose last token is still to be decoded, so that the first byte of the answer is the method's work. */
interface Prompt {
  readonly session: NativeSession;
  readonly tokens: number;
  readonly last: number;
  readonly answer: string;
}

async function prefilled(
  engine: Engine,
  text: Parameters<typeof needleText>[0],
  session: SessionOptions,
): Promise<Prompt> {
  const { context, question, answer } = needleText(text);
  const ids = engine.text.tokenizer.encode(context + question);
  assert.equal(ids.length, text.tokens);
  const last = ids.pop()!;
  const full = NativeSession.create(engine.model, session);
  await full.prefill(ids);
  return { session: full, tokens: ids.length, last, answer };
}

interface Answer {
  /** Most likely byte at every place of the right answer. */
  readonly text: string;
  readonly first: number;
  /** Least logit of a right byte less the best of all others. */
  readonly lead: number;
}

/** What a method makes of the prompt, when it is fed the right answer. */
async function answer(engine: Engine, prompt: Prompt, name: string, budget: number): Promise<Answer> {
  using session = prompt.session.fork();
  const wanted = engine.text.tokenizer.encode(prompt.answer, { bos: false });
  const recipe = { method: findMethod(name), budget: { kind: "tokens", tokens: budget || 1 }, set: {} } as const;
  await session.compress(planFor(recipe, engine.config, prompt.tokens, 128).plans);
  const best: number[] = [];
  let lead = Infinity;
  let fed = prompt.last;
  for (const byte of wanted) {
    await NativeSession.decode([session], [fed]);
    const logits = session.logits();
    best.push(logits.indexOf(Math.max(...logits)));
    lead = Math.min(lead, logits[byte]! - Math.max(...logits.filter((_, id) => id !== byte)));
    fed = byte;
  }
  return { text: engine.text.tokenizer.decode(best), first: best[0]!, lead };
}

async function ask(
  engine: Engine,
  text: Parameters<typeof needleText>[0],
  method: string,
  budget = 0,
  options = F32,
): Promise<Answer> {
  const prompt = await prefilled(engine, text, options);
  using _ = prompt.session;
  return await answer(engine, prompt, method, budget);
}
