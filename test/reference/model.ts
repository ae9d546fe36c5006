/**
 * A whole Llama-like model in float64 with a cache that carries out every plan: what the native library must compute.
 *
 * Written for clarity, from the definitions of `cuda/include/rocketkv.h`. One token goes through one layer at a time.
 */

import { MAX_WINDOW, type Plan } from "../../lib/methods/plan.ts";
import type { ModelConfig, Role } from "../../lib/model/types.ts";
import { attend } from "./attention.ts";
import { HeadCache } from "./cache.ts";
import { add, matVec, range, rmsNorm, type Row, silu } from "./ops.ts";
import { rotate } from "./rope.ts";

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
  /** [n_heads] positions that the last decode step attended to. */
  selected: number[][];
}

/** Slots that every head of a group attends to, [group][...]. */
type Choose = (layer: number, cache: HeadCache, q: Row[]) => number[][];

/** One sequence of a model: prefill, compress, decode, and again from the top for the next turn. */
export class ReferenceModel {
  readonly config: ModelConfig;
  readonly #weights: Weights;
  #layers: LayerState[];
  #position = 0;
  /** Null between a prefill and its compression. */
  #plan: Plan | null = null;

  constructor(config: ModelConfig, weights: Weights) {
    this.config = config;
    this.#weights = weights;
    this.#layers = range(0, config.nLayers).map(() => ({
      heads: range(0, config.nKvHeads).map(() => new HeadCache()),
      queries: [],
      selected: [],
    }));
  }

  /** Run tokens with dense attention over everything cached. @returns Logits of the last token, [vocab_size]. */
  prefill(tokens: number[]): Row {
    this.#plan = null;
    for (const layer of this.#layers) {
      layer.queries = [];
      layer.heads.forEach((cache) => cache.forgetIndex());
    }
    return this.#forward(tokens, (_, cache, q) => {
      const visible = this.#visible(cache);
      return q.map(() => visible);
    });
  }

  /** Apply a plan to what was prefilled. */
  compress(plan: Plan): void {
    const { nHeads, nKvHeads, slidingWindow } = this.config;
    const group = nHeads / nKvHeads;
    for (const layer of this.#layers.slice(plan.denseLayers)) {
      layer.heads.forEach((cache, h) => {
        const queries = layer.queries.map((heads) => heads.slice(h * group, (h + 1) * group));
        cache.compress(plan, queries, slidingWindow);
      });
    }
    this.#plan = plan;
  }

  /** One step. @returns Logits, [vocab_size]. */
  decode(token: number): Row {
    const plan = this.#plan;
    if (plan === null) throw new Error("Cannot decode: the sequence must be compressed first");
    return this.#forward([token], (layer, cache, q) => {
      if (layer < plan.denseLayers) {
        const visible = this.#visible(cache);
        return q.map(() => visible);
      }
      cache.limit(plan); // before attending: no step reads more than the limit
      return cache.select(q, plan, this.config.slidingWindow);
    });
  }

  /** Positions that a KV head can attend to, ascending. */
  cached(layer: number, kvHead: number): number[] {
    const cache = this.#layers[layer]!.heads[kvHead]!;
    return cache.candidates.map((s) => cache.positions[s]!);
  }

  /** Positions that a query head attended to for the last token, ascending. */
  selected(layer: number, head: number): number[] {
    return this.#layers[layer]!.selected[head]!;
  }

  /** An independent copy of the sequence. */
  fork(): ReferenceModel {
    const copy = new ReferenceModel(this.config, this.#weights);
    copy.#layers = this.#layers.map(({ heads, queries, selected }) => ({
      heads: heads.map((cache) => cache.fork()),
      queries: [...queries],
      selected: [...selected],
    }));
    copy.#position = this.#position;
    copy.#plan = this.#plan;
    return copy;
  }

  #forward(tokens: number[], choose: Choose): Row {
    const { dim, normEps } = this.config;
    const embed = this.#weight("embed");
    let hidden: Row[] = tokens.map((token) => embed.slice(token * dim, (token + 1) * dim));
    for (const layer of this.#layers.keys()) {
      hidden = hidden.map((x, i) => {
        const y = add(x, this.#attention(layer, x, this.#position + i, choose));
        return add(y, this.#feedForward(layer, y));
      });
    }
    this.#position += tokens.length;
    const last = rmsNorm(hidden.at(-1)!, this.#weight("final_norm"), normEps);
    return matVec(this.#weights.get(weightKey("lm_head")) ?? embed, last);
  }

  #attention(layer: number, x: Row, position: number, choose: Choose): Row {
    const { nHeads, nKvHeads, rope } = this.config;
    const state = this.#layers[layer]!;
    const normed = rmsNorm(x, this.#weight("attn_norm", layer), this.config.normEps);
    const q = this.#project(layer, normed, "wq", "bq", "q_norm").map((head) => rotate(head, position, rope));
    const k = this.#project(layer, normed, "wk", "bk", "k_norm").map((head) => rotate(head, position, rope));
    const v = this.#project(layer, normed, "wv", "bv", null);
    state.queries = [...state.queries, q].slice(-MAX_WINDOW);

    const group = nHeads / nKvHeads;
    state.selected = [];
    const out = state.heads.flatMap((cache, h) => {
      cache.append(k[h]!, v[h]!, position);
      const heads = q.slice(h * group, (h + 1) * group);
      const chosen = choose(layer, cache, heads);
      state.selected.push(...chosen.map((slots) => slots.map((s) => cache.positions[s]!)));
      return heads.map((head, g) => attend(head, cache.k, cache.v, chosen[g]!));
    });
    return matVec(this.#weight("wo", layer), Float64Array.from(out.flatMap((head) => [...head])));
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

  /** Slots inside the sliding window of the newest one. */
  #visible(cache: HeadCache): number[] {
    const { slidingWindow } = this.config;
    const current = cache.positions.at(-1)!;
    return cache.candidates.filter((s) => slidingWindow === 0 || current - cache.positions[s]! < slidingWindow);
  }

  #weight(role: Role, layer = -1): Float64Array {
    const weight = this.#weights.get(weightKey(role, layer));
    if (weight === undefined) throw new Error(`Cannot run the reference: weight ${weightKey(role, layer)} is missing`);
    return weight;
  }
}
