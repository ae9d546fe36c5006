/**
 * Every method of the registry, and what wrappers and a sparse prefill make of some, on every kind of attention: what
 * they cache and select against the float64 reference, and what must not make a difference against the bits.
 */
import assert from "node:assert/strict";
import { planFor, type Planned, type Recipe } from "../../lib/engine/recipe.ts";
import { observationsFor } from "../../lib/methods/observe.ts";
import { DENSE, type LayerPlans } from "../../lib/methods/plan.ts";
import { findMethod, methods } from "../../lib/methods/registry.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { assertSame } from "../support/assert_same.ts";
import { methodFiles } from "../support/method_files.ts";
import { random } from "../reference/random.ts";
import { EXACT, type LoadedTiny, loadTiny } from "../support/native.ts";
import type { TinyOptions } from "../support/tiny_model.ts";

/** Three layers, because some methods leave the first two alone. */
const SMALL = { layers: 3, dim: 32, hiddenDim: 48 };
const SHAPES: Record<string, TinyOptions> = {
  "grouped queries": { ...SMALL, heads: 6, kvHeads: 2, headDim: 16 },
  "as many KV heads": { ...SMALL, heads: 2, kvHeads: 2, headDim: 24 },
  "one KV head": { ...SMALL, heads: 4, kvHeads: 1, headDim: 32 },
};

const NAMES = [
  ...methods.map(({ name }) => name),
  "adakv(snapkv)",
  "adakv(expected-attention)",
  "criticalkv(snapkv)",
  "adakv(criticalkv(snapkv))",
  "minference+rocketkv",
];

/** Longer than what a sparse prefill of test/support/method_files.ts covers; the second one makes methods plan anew. */
const TURNS = [97, 19] as const;
const STEPS = 3;
const BUDGET = 24;

/** A method on one model. */
class Subject {
  readonly #recipe: Recipe;

  constructor(readonly tiny: LoadedTiny, readonly name: string, tokens: number) {
    const { nLayers, nKvHeads, nHeads } = tiny.source.config;
    const method = findMethod(name);
    const all = methodFiles({ nLayers, nKvHeads, group: nHeads / nKvHeads });
    const files = Object.fromEntries((method.files ?? []).map((kind) => [kind, all[kind]]));
    this.#recipe = { method, budget: { kind: "tokens", tokens }, set: {}, files };
  }

  plan(promptTokens: number): Planned {
    return planFor(this.#recipe, this.tiny.source.config, promptTokens, STEPS);
  }

  /** A session that can be compressed after any prefill. */
  session(options: SessionOptions = EXACT): NativeSession {
    const { plans, patterns } = this.plan(1_000_000);
    const session = this.tiny.session({ ...options, observe: observationsFor([plans]) });
    patterns?.forEach((heads, layer) => session.setPatterns(layer, heads));
    return session;
  }
}

for (const [shape, options] of Object.entries(SHAPES)) {
  /** One step per method, all on one model. */
  const matrix = (what: string, check: (subject: (tokens: number) => Subject) => Promise<void>) =>
    Deno.test(`${what}: ${shape}`, async (t) => {
      await using tiny = await loadTiny(options);
      for (const name of NAMES) await t.step(name, () => check((tokens) => new Subject(tiny, name, tokens)));
    });

  matrix("methods cache and select what the reference does, compressed on the fly or later", async (subject) => {
    await followReference(subject(BUDGET), TURNS);
  });

  matrix("a budget of one token does what the reference does", async (subject) => {
    await followReference(subject(1), [40]);
  });

  matrix("prompts of one token, and shorter than any window, do what the reference does", async (subject) => {
    for (const turns of [[1, 1], [2], [9]]) await followReference(subject(BUDGET), turns);
    await followReference(subject(2), [5]);
  });

  matrix("a fork and a session read from its file go on like the original", async (subject) => {
    await goOnAlike(subject(BUDGET));
  });

  matrix("a budget that holds every token is the full cache, bit for bit", async (subject) => {
    const roomy = subject(4096);
    const { patterns } = roomy.plan(TURNS[0]);
    const control = roomy.tiny.session({ kvType: "bf16" });
    patterns?.forEach((heads, layer) => control.setPatterns(layer, heads));
    const found = await converse(roomy, roomy.session({ kvType: "bf16" }));
    assert.deepEqual(found, await converse(roomy, control, [DENSE]));
  });

  Deno.test(`methods in one step get what they get alone: ${shape}`, async () => {
    await using tiny = await loadTiny(options);
    const tokens = distinctTokens(TURNS[0] + STEPS);
    const open = () =>
      Promise.all(NAMES.map(async (name) => {
        const subject = new Subject(tiny, name, BUDGET), session = subject.session();
        await session.prefill(tokens.slice(0, TURNS[0]), { plan: subject.plan(TURNS[0]).plans });
        return session;
      }));
    const together = await open(), alone = await open();
    for (const token of tokens.slice(TURNS[0])) {
      await NativeSession.decode(together, together.map(() => token));
      for (const [i, session] of alone.entries()) {
        await NativeSession.decode([session], [token]);
        assert.deepEqual(together[i]!.logits(), session.logits(), NAMES[i]);
      }
    }
    for (const [i, name] of NAMES.entries()) {
      const attendsToAll = together[i]!.selected(2, 0).length === tokens.length;
      assert.equal(attendsToAll, name === "full" || name === "minference", name);
    }
  });
}

/** No token twice: keys of equal tokens have equal norms in the first layer, and rounding would decide between them. */
function distinctTokens(count: number): number[] {
  const next = random(7), tokens = Array.from({ length: 256 }, (_, token) => token);
  for (let i = 255; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [tokens[i], tokens[j]] = [tokens[j]!, tokens[i]!];
  }
  return tokens.slice(0, count);
}

/** Turns of so many prompt tokens, each with its plans for the grown history, and the tokens of the steps behind it. */
function* conversation(subject: Subject, turns: readonly number[]) {
  let total = 0;
  const tokens = distinctTokens(turns.reduce((sum, length) => sum + length + STEPS, 0));
  for (const [turn, length] of turns.entries()) {
    const prompt = tokens.slice(total, total + length), next = tokens.slice(total + length, total + length + STEPS);
    yield { turn, prompt, next, ...subject.plan(total + length) };
    total += length + STEPS;
  }
}

/** A session that is compressed during a prefill in chunks, and one that is compressed after it, beside the reference. */
async function followReference(subject: Subject, turns: readonly number[]): Promise<void> {
  const reference = subject.tiny.reference();
  const sessions = { "on the fly": subject.session({ ...EXACT, chunkTokens: 23 }), "later": subject.session() };
  const both = Object.entries(sessions);
  for (const { turn, prompt, next, plans, patterns } of conversation(subject, turns)) {
    let wanted = reference.prefill(prompt, patterns);
    reference.compress(plans);
    await sessions["on the fly"].prefill(prompt, { plan: plans });
    await sessions["later"].prefill(prompt);
    await sessions["later"].compress(plans);
    for (const [what, session] of both) {
      assertSame(session, reference, wanted, { decoded: false, what: `${what}, turn ${turn}` });
    }
    for (const token of next) {
      wanted = reference.decode(token);
      await NativeSession.decode(both.map(([, session]) => session), both.map(() => token));
      for (const [what, session] of both) {
        assertSame(session, reference, wanted, { decoded: true, what: `${what}, turn ${turn}` });
      }
    }
  }
}

/** A fork of the prefill and, after the first steps, a session read from a file have the original's bits. */
async function goOnAlike(subject: Subject): Promise<void> {
  const original = subject.session();
  let fork: NativeSession | undefined, loaded: NativeSession | undefined;
  try {
    for (const { prompt, next, plans } of conversation(subject, TURNS)) {
      for (const session of [original, fork, loaded]) await session?.prefill(prompt);
      fork ??= original.fork();
      for (const session of [original, fork, loaded]) await session?.compress(plans);
      for (const token of next) {
        for (const [what, session] of Object.entries({ original, fork, loaded })) {
          if (session === undefined) continue;
          await NativeSession.decode([session], [token]);
          assert.deepEqual(session.logits(), original.logits(), what);
        }
      }
      if (loaded !== undefined) continue;
      await original.save(`${subject.tiny.folder}/saved`);
      loaded = await NativeSession.load(subject.tiny.model, `${subject.tiny.folder}/saved`);
    }
  } finally {
    fork?.[Symbol.dispose]();
    loaded?.[Symbol.dispose]();
  }
}

/** All logits of a conversation under the subject's plans, or under others. */
async function converse(subject: Subject, session: NativeSession, others?: LayerPlans): Promise<number[]> {
  const all: number[] = [];
  for (const { prompt, next, plans } of conversation(subject, TURNS)) {
    await session.prefill(prompt, { plan: others ?? plans });
    all.push(...session.logits());
    for (const token of next) {
      await NativeSession.decode([session], [token]);
      all.push(...session.logits());
    }
  }
  return all;
}
