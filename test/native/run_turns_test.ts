/** Moments of compression and histories against sequences of calls made by hand. */
import assert from "node:assert/strict";
import type { Engine } from "../../lib/engine/engine.ts";
import { formatOf } from "../../lib/engine/kv_options.ts";
import { planFor, type Recipe } from "../../lib/engine/recipe.ts";
import type { LayerPlans } from "../../lib/methods/plan.ts";
import { methods, wrappers } from "../../lib/methods/registry.ts";
import { GREEDY } from "../../lib/native/sampler.ts";
import { NativeSession } from "../../lib/native/session.ts";
import { settled } from "../../lib/sweep/run/arm_state.ts";
import { promptHash } from "../../lib/sweep/run/record.ts";
import { assemble, type Prompt } from "../../lib/tasks/prompt/assemble.ts";
import type { Task } from "../../lib/tasks/task.ts";
import { letters, resultsOf, SMALL_CHUNKS, tinyEngine, tinyRecipe, unitOf } from "../support/tiny_unit.ts";
import { toySample, toyTurn } from "../support/toy_task.ts";

const NEW_TOKENS = 5;
const SAMPLE = toySample("0", letters(300, 3), {
  turns: ["first?", "and then, after that?", "last?"].map((question, i) => {
    const scoring = { metric: "match_all", references: [`answer ${i}`] } as const;
    return toyTurn(`\n${question}`, { answerPrefix: "It is", maxNewTokens: NEW_TOKENS, scoring });
  }),
  gold: [{ from: 100, to: 140 }],
});
type History = NonNullable<Task["history"]>;

function promptOf(engine: Engine, history: History): Prompt {
  return assemble(engine.text, SAMPLE, { tokenise: "split", history, truncate: "refuse", contextLength: 4096 });
}

/** One session that is fed by hand, what it keeps, and what it says. */
class ByHand implements Disposable {
  readonly session: NativeSession;
  readonly ids: number[] = [];
  readonly kept: number[] = [];
  readonly answers: number[][] = [];
  readonly prompts: string[] = [];

  constructor(readonly engine: Engine, readonly recipe: Recipe) {
    this.session = NativeSession.create(engine.model, { ...SMALL_CHUNKS, observe: ["attention", "queries"] });
  }

  plans(newTokens: number, cached = this.ids.length): LayerPlans {
    return planFor(this.recipe, this.engine.config, cached, newTokens, formatOf(SMALL_CHUNKS)).plans;
  }

  async feed(ids: readonly number[], plan?: LayerPlans): Promise<void> {
    this.ids.push(...ids);
    await this.session.prefill(ids, plan ? { plan } : {});
  }

  /** The last token that was said, which is not cached yet; the template writes those that end a turn. */
  unfed(): number[] {
    return this.answers.at(-1)!.slice(-1).filter((id) => !this.engine.text.tokenizer.eosIds.includes(id));
  }

  /** Answer on a fork, or on the session itself. */
  async answer(own: boolean): Promise<void> {
    this.kept.push(this.session.cached(1, 0).length);
    this.prompts.push(promptHash(this.ids));
    using fork = own ? null : this.session.fork();
    const session = fork ?? this.session;
    const ids: number[] = [];
    for (let i = 0; i < NEW_TOKENS; i++) {
      if (i > 0) await NativeSession.decode([session], [ids[i - 1]!]);
      ids.push(session.sample(GREEDY));
      if (this.engine.text.tokenizer.eosIds.includes(ids[i]!)) break;
    }
    if (own) this.ids.push(...ids.slice(0, -1));
    this.answers.push(ids);
  }

  [Symbol.dispose](): void {
    this.session[Symbol.dispose]();
  }
}

const BUDGET = 64;
// Its prefill is sparse: arms with decode tails of their own and such prefills are in run_unit_test.ts.
const NAMES = [...methods, ...wrappers].map(({ name }) => name).filter((name) => name !== "minference");

Deno.test("query-aware turns on a golden history: the history grows by references, every answer is forgotten", async () => {
  using engine = await tinyEngine();
  const { head, turns } = promptOf(engine, "golden");
  const [{ answers }] = await run(engine, "golden", "query-aware");
  for (const [i, name] of NAMES.entries()) {
    using hand = new ByHand(engine, tinyRecipe(name, BUDGET));
    for (const [t, { tail }] of turns.entries()) {
      const fed = t === 0 ? [...head, ...tail] : tail;
      await hand.feed(fed, hand.plans(NEW_TOKENS, hand.ids.length + fed.length));
      await hand.answer(false);
    }
    same(answers, i, hand, name);
    assert.equal(hand.session.stats().n_tokens, head.length + turns.reduce((sum, { tail }) => sum + tail.length, 0));
  }
});

Deno.test("query-aware turns on the model's own history: answers stay, the last token is fed with the next turn", async () => {
  using engine = await tinyEngine();
  const { head, turns } = promptOf(engine, "own");
  const [{ answers }] = await run(engine, "own", "query-aware");
  for (const [i, name] of NAMES.entries()) {
    using hand = new ByHand(engine, tinyRecipe(name, BUDGET));
    for (const [t, { tail }] of turns.entries()) {
      const fed = t === 0 ? [...head, ...tail] : [...hand.unfed(), ...tail];
      await hand.feed(fed, hand.plans(NEW_TOKENS, hand.ids.length + fed.length));
      await hand.answer(true);
    }
    same(answers, i, hand, name);
  }
});

Deno.test("query-agnostic turns: the context is compressed before any question, and for good", async () => {
  using engine = await tinyEngine();
  for (const history of ["golden", "own"] as const) {
    const { head, turns } = promptOf(engine, history);
    const later = turns.reduce((sum, { tail, newTokens }) => sum + tail.length + newTokens, 0);
    const [{ answers }] = await run(engine, history, "query-agnostic");
    for (const [i, name] of NAMES.entries()) {
      using hand = new ByHand(engine, tinyRecipe(name, BUDGET));
      await hand.feed(head);
      const plans = hand.plans(later);
      await hand.session.compress(plans);
      for (const [t, { tail }] of turns.entries()) {
        await hand.feed(t > 0 && history === "own" ? [...hand.unfed(), ...tail] : tail);
        await hand.session.compress(settled(plans));
        await hand.answer(history === "own");
      }
      same(answers, i, hand, `${name}, ${history}`);
    }
  }
});

Deno.test("requests start from the same context each, compressed with or without the question", async () => {
  using engine = await tinyEngine();
  const { head, turns } = promptOf(engine, "requests");
  for (const moment of ["query-aware", "query-agnostic"] as const) {
    const [{ answers }] = await run(engine, "requests", moment);
    const prefilled = answers.slice(0, turns.length).map(({ timing }) => timing.prefilledTokens);
    // Questions share the context that was compressed, or whole chunks of what 128 tokens and more are behind.
    const wanted = turns.map(({ tail }, t) => {
      if (moment === "query-agnostic") return t === 0 ? head.length : 0;
      return head.length + tail.length - (t === 0 ? 0 : 192);
    });
    assert.deepEqual(prefilled, wanted);
    for (const [i, name] of NAMES.entries()) {
      for (const [t, { tail, newTokens }] of turns.entries()) {
        using hand = new ByHand(engine, tinyRecipe(name, BUDGET));
        if (moment === "query-aware") {
          const fed = [...head, ...tail];
          await hand.feed(fed, hand.plans(newTokens, fed.length));
        } else {
          await hand.feed(head);
          const plans = hand.plans(tail.length + newTokens);
          await hand.session.compress(plans);
          await hand.feed(tail);
          await hand.session.compress(settled(plans));
        }
        await hand.answer(false);
        const { prediction } = answers[i * turns.length + t]!;
        assert.equal(prediction.turn, t);
        assert.deepEqual(prediction.ids, hand.answers[0], `${name}, ${moment}, ${t}`);
      }
    }
  }
});

Deno.test("rocketkv evicts for good, rocketkv-mt keeps everything and reads as little", async () => {
  using engine = await tinyEngine();
  const { head, turns } = promptOf(engine, "golden");
  const [{ answers }] = await run(engine, "golden", "query-aware");
  const cacheOf = (name: string, turn: number) => answers[NAMES.indexOf(name) * turns.length + turn]!.prediction.cache!;
  const row = 2 * 4 * 16 * 2 * 3, steps = NEW_TOKENS - 1;
  let history = head.length;
  for (const [t, { tail }] of turns.entries()) {
    history += tail.length;
    assert.equal(cacheOf("rocketkv-mt", t).storedBytes, (history + steps) * row);
    assert(cacheOf("rocketkv", t).storedBytes < history * row * 0.7);
    assert(cacheOf("rocketkv-mt", t).kept.max < history);
    assert(cacheOf("rocketkv-mt", t).readBytesPerStep < 2 * BUDGET * row);
    assert.equal(cacheOf("full", t).fullStoredBytes, (history + steps) * row);
  }
  const gold = (name: string) => turns.map((_, t) => cacheOf(name, t).goldKept![0]!);
  const once = gold("rocketkv");
  assert(once.every((share, t) => t === 0 || share <= once[t - 1]!), `${once}`); // what is gone does not come back
  assert.deepEqual(gold("full"), [1, 1, 1]);
});

type Answers = Awaited<ReturnType<typeof resultsOf>>[number]["answers"];

async function run(
  engine: Engine,
  history: History,
  moment: "query-aware" | "query-agnostic",
): Promise<[{ answers: Answers }]> {
  const recipes = NAMES.map((name) => tinyRecipe(name, BUDGET));
  const [result, ...others] = await resultsOf(engine, unitOf([SAMPLE], recipes, { moment, task: { history } }));
  assert.deepEqual(others, []);
  const turns = SAMPLE.turns.length;
  assert.deepEqual(
    result!.answers.map(({ cell, prediction: { turn } }) => [cell, turn]),
    recipes.flatMap((_, i) => Array.from({ length: turns }, (_, t) => [`${i}`, t])),
  );
  return [result!];
}

/** The arm has said and kept the same at every turn. */
function same(answers: Answers, arm: number, hand: ByHand, name: string): void {
  const turns = SAMPLE.turns.length;
  const predictions = answers.slice(arm * turns, (arm + 1) * turns).map(({ prediction }) => prediction);
  assert.deepEqual(predictions.map(({ ids }) => ids), hand.answers, name);
  assert.deepEqual(predictions.map(({ prompt }) => prompt), hand.prompts, name);
  for (const [t, { cache }] of predictions.entries()) {
    assert(cache!.kept.min <= hand.kept[t]! && hand.kept[t]! <= cache!.kept.max, `${name}, turn ${t}`);
  }
}
