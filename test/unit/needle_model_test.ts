import assert from "node:assert/strict";
import { DENSE } from "../../lib/methods/plan.ts";
import { makeNeedleModel, type NeedleModelOptions } from "../../scripts/make_needle_model.ts";
import { BOS, dot, EOS, tokenCodes, VOCAB_SIZE } from "../../scripts/needle/codes.ts";
import { needleModel } from "../../scripts/needle/model.ts";
import { needlePlan } from "../../scripts/needle/plan.ts";
import { frequency, PEAK, POSITION_PAIRS, positionShare } from "../../scripts/needle/rope.ts";
import { withFolder } from "../support/model_files.ts";
import { needleText, type NeedleTextOptions } from "../support/needle_text.ts";
import { referenceOf } from "../support/reference_of.ts";

Deno.test("byte codes are unit vectors on the grid of 1/128, and common bytes are far apart", () => {
  const codes = tokenCodes();
  assert.equal(codes.length, VOCAB_SIZE);
  for (const code of codes) {
    assert(code.every((x) => Number.isInteger(128 * x) && Math.abs(x) < 1));
    assert(Math.abs(dot(code, code) - 1) < 0.02);
  }
  const common = new TextEncoder().encode("0123456789abcdefghijklmnopqrstuvwxyz ");
  for (const a of common) {
    for (const b of common) if (a !== b) assert(dot(codes[a]!, codes[b]!) < 0.63, `${a} and ${b} are too near`);
  }
});

Deno.test("position keys single out one distance among a million", () => {
  let runnerUp = -Infinity;
  const turns = Array.from({ length: POSITION_PAIRS }, (_, i) => ({ share: positionShare(i), f: frequency(i) }));
  for (let distance = 1; distance <= 2 ** 20; distance++) {
    let score = 0;
    for (const { share, f } of turns) score += share * Math.cos(f * distance);
    runnerUp = Math.max(runnerUp, score);
  }
  assert(PEAK - runnerUp > 20.7, `the runner-up is ${PEAK - runnerUp} below the peak`);
});

Deno.test("needlePlan() refuses shapes that the construction cannot have", () => {
  assert.throws(() => needlePlan({ ngram: 17 }), /ngram must be between 4 and 16: current value is 17/);
  assert.throws(() => needlePlan({ heads: 6, kvHeads: 4 }), /heads must be a multiple of kvHeads/);
});

Deno.test("embeddings have the norm that the weights are made for", () => {
  const { plan, weights } = needleModel();
  const embed = weights.get("model.embed_tokens.weight")!.data;
  for (let id = 0; id < VOCAB_SIZE; id++) {
    const row = [...embed.subarray(id * plan.dim, (id + 1) * plan.dim)];
    assert(Math.abs(dot(row, row) - 4) < 0.02, `token ${id} has squared norm ${dot(row, row)}`);
  }
});

Deno.test("makeNeedleModel() writes the same bytes every time", () => {
  withFolder((folder) => {
    for (const format of ["huggingface", "gguf"] as const) {
      makeNeedleModel(`${folder}/a`, { format, dtype: "bf16" });
      makeNeedleModel(`${folder}/b`, { format, dtype: "bf16" });
      for (const file of format === "gguf" ? [""] : ["/model.safetensors", "/config.json", "/tokenizer.json"]) {
        assert.deepEqual(Deno.readFileSync(`${folder}/a${file}`), Deno.readFileSync(`${folder}/b${file}`));
      }
      Deno.removeSync(`${folder}/a`, { recursive: true });
      Deno.removeSync(`${folder}/b`, { recursive: true });
    }
  });
});

Deno.test("the needle model answers with the bytes that followed the needle's name", async (t) => {
  const models: [string, NeedleModelOptions][] = [
    ["f32 folder", {}],
    ["bf16 GGUF", { format: "gguf", dtype: "bf16" }],
    ["16 heads on 4 KV heads", { heads: 16, kvHeads: 4 }],
    ["heads that look apart", { diverge: true }],
  ];
  for (const [name, options] of models) {
    await t.step(name, async () => {
      const { text, leads } = await answer(options, { haystack: "grammar", tokens: 150, depth: 50 });
      assert.equal(text, "71432.");
      // 32 for the byte less 26 for EOS; codes are unit vectors to within 1%, so the norm has a little to spare.
      for (const lead of leads) assert(lead > 6 && lead < 6.25, `the lead is ${lead}`);
    });
  }
});

Deno.test("the needle model says EOS when nothing in the text matches", async () => {
  const { first } = await answer({}, { haystack: "grammar", tokens: 150, depth: 50, present: false });
  assert.equal(first, EOS);
});

Deno.test("a needle model is the same in both file formats", async () => {
  await withFolder(async (folder) => {
    makeNeedleModel(`${folder}/hf`);
    makeNeedleModel(`${folder}/model.gguf`, { format: "gguf" });
    const tokens = [BOS, ...new TextEncoder().encode("abcdefghijklmnopqrstuvw. abcdefghijklmnopqrs")];
    const wanted = (await referenceOf(`${folder}/hf`)).prefill(tokens);
    const found = (await referenceOf(`${folder}/model.gguf`)).prefill(tokens);
    assert.equal(argmax(wanted), "t".charCodeAt(0));
    // GGUF keeps theta in f32, which is off by 2e-8.
    wanted.forEach((logit, id) => assert(Math.abs(logit - found[id]!) < 1e-4, `token ${id}`));
  });
});

interface Answer {
  /** Most likely byte at every place of the right answer. */
  readonly text: string;
  /** Most likely token after the prompt. */
  readonly first: number;
  /** Logit of each right byte less the best of all others. */
  readonly leads: number[];
}

/** What the float64 reference says after a prompt, when it is fed the right answer. */
async function answer(model: NeedleModelOptions, prompt: NeedleTextOptions): Promise<Answer> {
  const { context, question, answer: wanted } = needleText(prompt);
  const encoder = new TextEncoder();
  const reference = await withFolder((folder) => {
    const path = `${folder}/needle${model.format === "gguf" ? ".gguf" : ""}`;
    makeNeedleModel(path, model);
    return referenceOf(path);
  });
  let logits = reference.prefill([BOS, ...encoder.encode(context + question)]);
  reference.compress(DENSE);
  const best: number[] = [];
  const leads: number[] = [];
  for (const byte of encoder.encode(wanted)) {
    best.push(argmax(logits));
    leads.push(logits[byte]! - Math.max(...logits.filter((_, id) => id !== byte)));
    logits = reference.decode(byte);
  }
  return { text: new TextDecoder().decode(Uint8Array.from(best)), first: best[0]!, leads };
}

function argmax(logits: Float64Array): number {
  return logits.indexOf(Math.max(...logits));
}
