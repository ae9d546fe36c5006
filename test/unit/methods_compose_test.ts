import assert from "node:assert/strict";
import type { PlanInput } from "../../lib/methods/method.ts";
import { findMethod, methods, wrappers } from "../../lib/methods/registry.ts";
import { methodFiles } from "../support/method_files.ts";

const SHAPE = { headDim: 128, group: 4, nLayers: 32, nKvHeads: 8 };
const INPUT: PlanInput = { tokenBudget: 256, promptTokens: 16256, newTokens: 128, set: {}, ...SHAPE };

const plans = (expression: string, set: Record<string, number> = {}) => findMethod(expression).plan({ ...INPUT, set });

Deno.test("a wrapper changes how places are dealt out and nothing else", () => {
  const inner = plans("snapkv")[0];
  assert.deepEqual(plans("adakv(snapkv)"), [{ ...inner, alloc: "ada", safeguard: 0.2 }]);
  assert.deepEqual(plans("criticalkv(snapkv)"), [{ ...inner, critical: 0.5 }]);
  const both = [{ ...inner, alloc: "ada", safeguard: 0.2, critical: 0.5 }];
  assert.deepEqual(plans("adakv(criticalkv(snapkv))"), both);
  assert.deepEqual(plans("criticalkv(adakv(snapkv))"), both, "the order makes no difference");
});

Deno.test("a wrapper alone wraps its default, inside another one too", () => {
  for (const { name, inner } of wrappers) assert.deepEqual(plans(name), plans(`${name}(${inner})`));
  assert.equal(findMethod("adakv(criticalkv)").name, "adakv(criticalkv(snapkv))");
  assert.equal(findMethod(" adakv ( snapkv ) ").name, "adakv(snapkv)");
});

Deno.test("every layer of a wrapped pyramid keeps its own budget", () => {
  const wrapped = plans("adakv(pyramidkv)"), inner = plans("pyramidkv");
  assert.deepEqual(wrapped.map(({ keep }) => keep), inner.map(({ keep }) => keep));
  assert(wrapped.every(({ alloc }) => alloc === "ada"));
});

Deno.test("criticalkv does not count the length of a value twice", () => {
  assert.equal(plans("expected-attention")[0].valueWeight, true);
  assert.equal(plans("criticalkv(expected-attention)")[0].valueWeight, false);
});

Deno.test("settings go to the part that knows them", () => {
  const [plan] = plans("adakv(criticalkv(snapkv))", { safeguard: 0.5, deal: 1, critical: 0.25, window: 16 });
  assert.deepEqual([plan.safeguard, plan.alloc, plan.critical, plan.window], [0.5, "ada_safe", 0.25, 16]);
  const dense = plans("adakv", { dense_layers: 2 });
  assert.deepEqual(dense.map(({ alloc }) => alloc).slice(0, 3), ["uniform", "uniform", "ada"]);
  assert.throws(() => plans("criticalkv", { safeguard: 1 }), {
    message: /^Cannot use --set safeguard=1: criticalkv\(snapkv\) knows critical, prompt_budget, /,
  });
});

Deno.test("minference joins its prefill with any other method", () => {
  const joined = findMethod("minference+adakv(snapkv)");
  assert.deepEqual(joined.plan(INPUT), plans("adakv(snapkv)"));
  assert.deepEqual(joined.patterns!(INPUT), findMethod("minference").patterns!(INPUT));
  const turned = findMethod("hsa+minference");
  assert.equal(turned.name, "minference+hsa");
  const set = { top_k: 64, vertical: 40, dense_layers: 1 };
  assert.equal(turned.plan({ ...INPUT, set })[1]!.topK, 64);
  assert.deepEqual(turned.patterns!({ ...INPUT, set }).slice(0, 2).map(([p]) => [p.kind, p.first]), [
    ["dense", 0],
    ["vertical_slash", 40],
  ]);
  assert.equal(new Set(joined.parameters.map(({ name }) => name)).size, joined.parameters.length);
  assert.deepEqual(findMethod("minference+duoattention").files, ["patterns", "gates"]);
});

Deno.test("expressions that cannot be are refused in one line", () => {
  const wrapped = "needs a method that evicts once by scores per KV head, such as snapkv: found";
  const joins = '"+" joins one method that prefills sparsely, such as minference, with one that does not';
  const cases: readonly (readonly [expression: string, reason: string])[] = [
    ["", "expected the name of a method, found none"],
    ["adakv(", "expected the name of a method, found none"],
    ["adakv()", "expected the name of a method, found )"],
    ["adakv(snapkv", 'expected ")" after snapkv, found none'],
    ["adakv(snapkv))", 'expected "+" or the end, found )'],
    ["snapkv hsa", 'expected "+" or the end, found hsa'],
    ["snapkv(hsa)", 'expected a wrapper in front of "(", found snapkv'],
    ["minference+", "expected the name of a method, found none"],
    ["adakv(h2o)", `adakv ${wrapped} h2o`],
    ["adakv(snapkv-head)", `adakv ${wrapped} snapkv-head`],
    ["criticalkv(quest)", `criticalkv ${wrapped} quest`],
    ["adakv(minference)", `adakv ${wrapped} minference`],
    ["adakv(adakv)", "expected adakv at most once, found it twice"],
    ["criticalkv(adakv(criticalkv))", "expected criticalkv at most once, found it twice"],
    ["snapkv+quest", joins],
    ["minference+minference", joins],
    ["minference+hsa+snapkv", joins],
  ];
  for (const [expression, reason] of cases) {
    const message = `Cannot use --method "${expression}": ${reason}`;
    assert.throws(() => findMethod(expression), { name: "UsageError", message });
  }
  assert.throws(
    () => findMethod("adakv(snapkw)"),
    /^UsageError: Cannot use --method "adakv\(snapkw\)": did you mean "snapkv"\?/,
  );
});

Deno.test("every wrapper fits every method that evicts once by scores per KV head", () => {
  const files = methodFiles(SHAPE);
  for (const wrapper of wrappers) {
    for (const { name, scoresHeads } of methods) {
      if (!scoresHeads) continue;
      for (const tokenBudget of [1, 33, 256]) {
        const [plan] = findMethod(`${wrapper.name}(${name})`).plan({ ...INPUT, tokenBudget, files });
        assert.equal(plan.evict, "score");
        assert(plan.alloc !== "uniform" || plan.critical > 0, name);
      }
    }
  }
});
