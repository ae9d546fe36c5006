import assert from "node:assert/strict";
import { nearest } from "../../lib/nearest.ts";
import { findMethod } from "../../lib/methods/registry.ts";
import { decodeTail, parseSettings } from "../../lib/methods/settings.ts";

const rocketkv = findMethod("rocketkv");

Deno.test("parseSettings() reads name=value texts", () => {
  assert.deepEqual(parseSettings(rocketkv, ["top_k=64", " split=.5 "]), { top_k: 64, split: .5 });
  assert.deepEqual(parseSettings(rocketkv, []), {});
  assert.deepEqual(parseSettings(rocketkv, ["pool=avg", "tie=position", "group_rule=sum", "sign=1"]), {
    pool: 1,
    tie: 1,
    group_rule: 0,
    sign: 1,
  });
});

Deno.test("parseSettings() refuses what is not a known name and a number in range", () => {
  const cases: [string[], RegExp][] = [
    [["top_k"], /^Cannot use --set "top_k": it must be name=number, such as top_k=64$/],
    [["top_k="], /must be name=number/],
    [["top_k=lots"], /must be name=number/],
    [["top_k=1e999"], /must be name=number/],
    [["top_k=-"], /must be name=number/],
    [["top_k=1", "top_k=2"], /^Cannot use --set "top_k=2": top_k is given twice$/],
    [["topk=1"], /^Cannot use --set topk=1: did you mean top_k\? rocketkv knows split, prompt_budget, /],
    [["top_k=0"], /^Cannot use --set top_k=0: top_k must be an integer >= 1$/],
    [["pool=2"], /^Cannot use --set pool=2: pool must be one of 0 \(max\), 1 \(avg\)$/],
    [["whole_pages=2"], /^Cannot use --set whole_pages=2: whole_pages must be an integer between 0 and 1$/],
    [["pool=mean"], /must be name=number/],
    [["top_k=avg"], /must be name=number/],
    [["__proto__=1"], /must be name=number/],
    [["constructor=1"], /^Cannot use --set constructor=1: rocketkv knows /],
  ];
  for (const [texts, message] of cases) {
    assert.throws(() => parseSettings(rocketkv, texts), { name: "UsageError", message }, texts.join(" "));
  }
});

Deno.test("decodeTail() is 0 unless set, and leaves a token to prefill", () => {
  assert.equal(decodeTail({}, 100), 0);
  assert.equal(decodeTail({ decode_tail: 1 }, 100), 1);
  assert.equal(decodeTail({ decode_tail: 50 }, 10), 9);
  assert.equal(decodeTail({ decode_tail: 1 }, 1), 0);
});

Deno.test("nearest() forgives typing errors and does not guess wildly", () => {
  const names = ["full", "rocketkv", "rocketkv-mt", "snapkv"];
  assert.equal(nearest("rocketvk", names), "rocketkv");
  assert.equal(nearest("RocketKV", names), "rocketkv");
  assert.equal(nearest("snapkvv", names), "snapkv");
  assert.equal(nearest("h2o", names), null);
});

Deno.test("a window above the prompt budget is refused however short the prompt is", () => {
  const input = { promptTokens: 10, newTokens: 100, headDim: 64, group: 1, nLayers: 1, nKvHeads: 1 };
  const wrong: [string, number, Record<string, number>][] = [
    ["rocketkv", 16, { window: 64, prompt_budget: 32 }],
    ["rocketkv", 4096, { window: 64, prompt_budget: 32 }],
    ["snapkv", 16, { window: 64 }],
  ];
  for (const [name, tokenBudget, set] of wrong) {
    assert.throws(() => findMethod(name).plan({ ...input, tokenBudget, set }), {
      name: "UsageError",
      message: /window=64: it must be <= the prompt budget: found (32|16)$/,
    });
  }
});
