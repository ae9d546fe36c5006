/**
 * A whole Llama-like model in float64 with a cache that carries out every plan: what the native library must compute.
 *
 * Written for clarity, from the definitions of `cuda/include/rocketkv.h`. One token goes through one layer at a time.
 */

import type { LayerPatterns } from "../../lib/methods/pattern.ts";
import { DENSE, type LayerPlans, MAX_WINDOW, type Plan, planOfLayer } from "../../lib/methods/plan.ts";
import type { ModelConfig, Role } from "../../lib/model/types.ts";
import { attend } from "./attention.ts";
import { HeadCache } from "./cache.ts";
import { compressLayer } from "./compress.ts";
import { add, matVec, range, rmsNorm, type Row, silu } from "./ops.ts";
import { seenSlots } from "./pattern.ts";
import { rotate } from "./rope.ts";
import {
  addAttention,
  attendStep,
  attentionOf,
  dropLeastAttended,
  dropOldest,
  type GroupQuery,
  type StepResult,
} from "./step.ts";

/** Row-major matrices and vectors by `weightKey()`; without `lm_head` the embedding serves as head. */
export type Weights = ReadonlyMap<string, Float64Array>;

/** `wq` of layer 3 is `3.wq`; tensors outside the layers go by their role alone. */
export function weightKey(role: Role, layer = -1): string {
  return layer < 0 ? role : `${layer}.${role}`;
}

/** One layer of one sequence. */
interface LayerState {
  /** [n_kv_heads] */
  readonly heads: HeadCache[];
  /** [at most MAX_WINDOW][n_heads] queries of the last prefill call after RoPE, most recent last. */
  queries: Row[][];
  /** [tokens][n_heads] all prefilled queries before RoPE, from position OBSERVE_FROM on. */
  observed: Row[][];
  /** [n_heads] positions that the last decode step attended to. */
  selected: number[][];
}

/** `RKV_OBSERVE_FROM` of the C header. */
const OBSERVE_FROM = 4;

/** One sequence of a model: prefill, compress, decode, and again from the top for the next turn. */
export class ReferenceModel {
  readonly config: ModelConfig;
  readonly #weights: Weights;
  #layers: LayerState[];
  #position = 0;
  /** Null between a prefill and its compression. */
  #plans: LayerPlans | null = null;

  constructor(config: ModelConfig, weights: Weights) {
    this.config = config;
    this.#weights = weights;
    this.#layers = range(0, config.nLayers).map(() => ({
      heads: range(0, config.nKvHeads).map(() => new HeadCache()),
      queries: [],
      observed: [],
      selected: [],
    }));
  }

  /**
   * Run tokens with attention over everything cached, or over what the patterns of every layer let through.
   *
   * @returns Logits of the last token, [vocab_size].
   */
  prefill(tokens: number[], patterns?: readonly LayerPatterns[]): Row {
    this.#plans = null;
    for (const layer of this.#layers) {
      layer.queries = [];
      layer.heads.forEach((cache) => cache.forgetLists());
    }
    return this.#forward(tokens, tokens.length > 1 ? patterns : undefined);
  }

  /** Apply a plan to what was prefilled. */
  compress(plan: Plan | LayerPlans): void {
    const { rope, slidingWindow } = this.config;
    const plans: LayerPlans = Array.isArray(plan) ? plan as LayerPlans : [plan as Plan];
    this.#layers.forEach(({ heads, queries, observed }, layer) =>
      compressLayer(heads, planOfLayer(plans, layer), {
        layer,
        nTokens: this.#position,
        queries,
        observed,
        rope,
        slidingWindow,
        wo: this.#weight("wo", layer),
      })
    );
    this.#plans = plans;
  }

  /** One step. @returns Logits, [vocab_size]. */
  decode(token: number): Row {
    if (this.#plans === null) throw new Error("Cannot decode: the sequence must be compressed first");
    return this.#forward([token]);
  }

  /** Positions that a query head can attend to, ascending. */
  cached(layer: number, head: number): number[] {
    const group = this.config.nHeads / this.config.nKvHeads;
    const cache = this.#layers[layer]!.heads[Math.floor(head / group)]!;
    return cache.candidates(head % group).map((s) => cache.positions[s]!);
  }

  /** Positions that a query head attended to for the last token, ascending. */
  selected(layer: number, head: number): number[] {
    return this.#layers[layer]!.selected[head]!;
  }

  /** An independent copy of the sequence. */
  fork(): ReferenceModel {
    const copy = new ReferenceModel(this.config, this.#weights);
    copy.#layers = this.#layers.map(({ heads, queries, observed, selected }) => ({
      heads: heads.map((cache) => cache.fork()),
      queries: [...queries],
      observed: [...observed],
      selected: [...selected],
    }));
    copy.#position = this.#position;
    copy.#plans = this.#plans;
    return copy;
  }

  #forward(tokens: number[], patterns?: readonly LayerPatterns[]): Row {
    const { dim, normEps } = this.config;
    const embed = this.#weight("embed");
    let hidden: Row[] = tokens.map((token) => embed.slice(token * dim, (token + 1) * dim));
    for (const layer of this.#layers.keys()) {
      const seen = patterns && this.#seen(layer, hidden, patterns[layer]!);
      hidden = hidden.map((x, i) => {
        const y = add(x, this.#attention(layer, x, this.#position + i, seen?.map((rows) => rows[i]!)));
        return add(y, this.#feedForward(layer, y));
      });
    }
    this.#position += tokens.length;
    const last = rmsNorm(hidden.at(-1)!, this.#weight("final_norm"), normEps);
    return matVec(this.#weights.get(weightKey("lm_head")) ?? embed, last);
  }

  /** Slots that every query head's rows see under the patterns of a layer: [n_heads][rows][...]. */
  #seen(layer: number, hidden: Row[], patterns: LayerPatterns): number[][][] {
    const { nHeads, nKvHeads } = this.config;
    const rows = hidden.map((x, i) => this.#queryKeyValue(layer, x, this.#position + i));
    return range(0, nHeads).map((head) => {
      const h = Math.floor(head * nKvHeads / nHeads);
      const keys = [...this.#layers[layer]!.heads[h]!.k, ...rows.map(({ k }) => k[h]!)];
      return seenSlots(
        patterns[patterns.length === 1 ? 0 : head]!,
        rows.map(({ at }, i) => at(this.#position + i)[head]!),
        keys,
      );
    });
  }

  /** Of one token: queries before RoPE and at any position, keys after it, and values. */
  #queryKeyValue(layer: number, x: Row, position: number) {
    const { rope } = this.config;
    const normed = rmsNorm(x, this.#weight("attn_norm", layer), this.config.normEps);
    const raw = this.#project(layer, normed, "wq", "bq", "q_norm");
    const at = (p: number) => raw.map((head) => rotate(head, p, rope));
    const k = this.#project(layer, normed, "wk", "bk", "k_norm").map((head) => rotate(head, position, rope));
    const v = this.#project(layer, normed, "wv", "bv", null);
    return { raw, at, k, v };
  }

  /** @param seen  Sparse prefill: slots that every query head sees, [n_heads][...]. */
  #attention(layer: number, x: Row, position: number, seen?: number[][]): Row {
    const { nHeads, nKvHeads } = this.config;
    const state = this.#layers[layer]!;
    const { raw, at, k, v } = this.#queryKeyValue(layer, x, position);
    const q = at(position);
    state.heads.forEach((cache, h) => cache.append(k[h]!, v[h]!, position));
    state.queries = [...state.queries, q].slice(-MAX_WINDOW);

    const group = nHeads / nKvHeads;
    const own = (rows: Row[], h: number) => rows.slice(h * group, (h + 1) * group);
    const results = this.#plans === null
      ? this.#attendPrefill(state, raw, q, position)
      : this.#attendDecode(state, planOfLayer(this.#plans, layer), (h) => ({
        q: own(q, h),
        at: (p) => own(at(p), h),
      }));
    const out = seen
      ? q.map((head, j) => {
        const cache = state.heads[Math.floor(j / group)]!;
        return attend(head, cache.k, cache.v, seen[j]!);
      })
      : results.flatMap((result) => result.out);
    return matVec(this.#weight("wo", layer), Float64Array.from(out.flatMap((head) => [...head])));
  }

  #attendPrefill(state: LayerState, raw: Row[], q: Row[], position: number): StepResult[] {
    const { nHeads, nKvHeads, slidingWindow } = this.config;
    if (position >= OBSERVE_FROM) state.observed.push(raw);
    return state.heads.map((cache, h) => {
      const heads = q.slice(h * nHeads / nKvHeads, (h + 1) * nHeads / nKvHeads);
      const oldest = slidingWindow === 0 ? -Infinity : position - slidingWindow;
      const visible = range(0, cache.length).filter((s) => cache.positions[s]! > oldest);
      const weight = attentionOf(heads, visible.map((s) => cache.k[s]!));
      const received = new Float64Array(cache.length);
      visible.forEach((s, i) => received[s] = weight[i]!);
      addAttention(cache, received);
      return attendStep(cache, { q: heads, at: () => heads }, DENSE, slidingWindow);
    });
  }

  #attendDecode(state: LayerState, plan: Plan, query: (h: number) => GroupQuery): StepResult[] {
    const sparse = range(0, state.heads.length).filter((h) => !plan.denseHeads.includes(h));
    for (const h of sparse) dropOldest(state.heads[h]!, plan);
    const results = state.heads.map((cache, h) =>
      attendStep(cache, query(h), sparse.includes(h) ? plan : DENSE, this.config.slidingWindow)
    );
    state.selected = results.flatMap(({ chosen }, h) =>
      chosen.map((slots) => slots.map((s) => state.heads[h]!.positions[s]!))
    );
    dropLeastAttended(sparse.map((h) => state.heads[h]!), sparse.map((h) => query(h).q), plan);
    return results;
  }

  /** x W^T + b cut into heads, each normed where the model does that. */
  #project(layer: number, x: Row, w: Role, b: Role, norm: Role | null): Row[] {
    const { headDim, qkvBias, qkNorm, normEps } = this.config;
    const product = matVec(this.#weight(w, layer), x);
    const y = qkvBias ? add(product, this.#weight(b, layer)) : product;
    return range(0, y.length / headDim).map((h) => {
      const head = y.slice(h * headDim, (h + 1) * headDim);
      return qkNorm && norm !== null ? rmsNorm(head, this.#weight(norm, layer), normEps) : head;
    });
  }

  #feedForward(layer: number, x: Row): Row {
    const normed = rmsNorm(x, this.#weight("ffn_norm", layer), this.config.normEps);
    const up = matVec(this.#weight("w_up", layer), normed);
    const gated = matVec(this.#weight("w_gate", layer), normed).map((value, i) => silu(value) * up[i]!);
    return matVec(this.#weight("w_down", layer), gated);
  }

  #weight(role: Role, layer = -1): Float64Array {
    const weight = this.#weights.get(weightKey(role, layer));
    if (weight === undefined) throw new Error(`Cannot run the reference: weight ${weightKey(role, layer)} is missing`);
    return weight;
  }
}
