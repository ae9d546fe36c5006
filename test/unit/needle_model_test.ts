import assert from "node:assert/strict";
import { BOS, dot, EOS, tokenCodes, VOCAB_SIZE } from "../../scripts/needle/codes.ts";
import { ggufName } from "../../scripts/needle/gguf.ts";
import { type NeedleModel, needleModel } from "../../scripts/needle/model.ts";
import { needlePlan, type NeedleShape } from "../../scripts/needle/plan.ts";
import { frequency, HALF, HEAD_DIM, PEAK, POSITION_PAIRS, positionShare } from "../../scripts/needle/rope.ts";
import { NORM_EPS } from "../../scripts/needle/weights.ts";
import { DENSE } from "../../lib/methods/plan.ts";
import type { ModelConfig, Role } from "../../lib/model/types.ts";
import { ReferenceModel, weightKey } from "../reference/model.ts";
import { needleText, type NeedleTextOptions } from "../support/needle_text.ts";

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

Deno.test("the needle model answers with the bytes that followed the needle's name", async (t) => {
  const shapes: [string, NeedleShape][] = [
    ["default shape", {}],
    ["16 heads on 4 KV heads", { heads: 16, kvHeads: 4 }],
    ["heads that look apart", { diverge: true }],
  ];
  for (const [name, shape] of shapes) {
    await t.step(name, () => {
      const { text, leads } = answer(needleModel(shape), { haystack: "grammar", tokens: 150, depth: 50 });
      assert.equal(text, "71432.");
      // 32 for the byte less 26 for EOS; codes are unit vectors to within 1%, so the norm has a little to spare.
      for (const lead of leads) assert(lead > 6 && lead < 6.06, `the lead is ${lead}`);
    });
  }
});

Deno.test("the needle model says EOS when nothing in the text matches", () => {
  const { first } = answer(needleModel(), { haystack: "grammar", tokens: 150, depth: 50, present: false });
  assert.equal(first, EOS);
});

Deno.test("the residual has the norm that the weights are made for", () => {
  const { plan, weights } = needleModel();
  const embed = weights.get("model.embed_tokens.weight")!.data;
  for (let id = 0; id < VOCAB_SIZE; id++) {
    const row = [...embed.subarray(id * plan.dim, (id + 1) * plan.dim)];
    assert(Math.abs(dot(row, row) - 4) < 0.02, `token ${id} has squared norm ${dot(row, row)}`);
  }
});

/** What the float64 reference says after the prompt, with the lead of each right byte over the best other token. */
function answer(model: NeedleModel, options: NeedleTextOptions): { text: string; first: number; leads: number[] } {
  const { context, question, answer: wanted } = needleText(options);
  const encoder = new TextEncoder();
  const reference = new ReferenceModel(config(model), referenceWeights(model));
  let logits = reference.prefill([BOS, ...encoder.encode(context + question)]);
  reference.compress(DENSE);
  const first = logits.indexOf(Math.max(...logits));
  const said: number[] = [];
  const leads: number[] = [];
  for (const byte of encoder.encode(wanted)) {
    said.push(logits.indexOf(Math.max(...logits)));
    leads.push(logits[byte]! - Math.max(...logits.filter((_, id) => id !== byte)));
    logits = reference.decode(byte);
  }
  return { text: new TextDecoder().decode(Uint8Array.from(said)), first, leads };
}

function config({ plan }: NeedleModel): ModelConfig {
  return {
    architecture: "llama",
    nLayers: plan.nLayers,
    dim: plan.dim,
    hiddenDim: plan.hiddenDim,
    nHeads: plan.heads,
    nKvHeads: plan.kvHeads,
    headDim: HEAD_DIM,
    vocabSize: VOCAB_SIZE,
    contextLength: 2 ** 20,
    normEps: NORM_EPS,
    rope: {
      dims: HEAD_DIM,
      interleaved: false,
      invFreq: Float64Array.from({ length: HALF }, (_, i) => frequency(i)),
      attentionFactor: 1,
      description: "theta 1e20",
    },
    slidingWindow: 0,
    qkvBias: false,
    qkNorm: false,
  };
}

function referenceWeights({ weights }: NeedleModel): Map<string, Float64Array> {
  const roles: Record<string, Role> = {
    token_embd: "embed",
    output_norm: "final_norm",
    output: "lm_head",
    attn_norm: "attn_norm",
    attn_q: "wq",
    attn_k: "wk",
    attn_v: "wv",
    attn_output: "wo",
    ffn_norm: "ffn_norm",
    ffn_gate: "w_gate",
    ffn_up: "w_up",
    ffn_down: "w_down",
  };
  return new Map(
    [...weights].map(([name, { data }]) => {
      const [, layer, part] = /^(?:blk\.(\d+)\.)?(\w+)\.weight$/.exec(ggufName(name))!;
      return [weightKey(roles[part!]!, layer === undefined ? -1 : Number(layer)), Float64Array.from(data)];
    }),
  );
}
