import assert from "node:assert/strict";
import { found, niah, partial } from "../../lib/tasks/metrics/niah.ts";

Deno.test("answers are judged as the passkey task does", () => {
  assert.equal(found("1,234,567", "1234567"), true);
  assert.equal(found("The code is 1,234,567.", "1234567"), true);
  assert.equal(found("012345", "0123456"), false);
  assert.equal(found("It is the Amber lantern.", "amber LANTERN"), true);
  assert.equal(partial("x012345y", "0123456"), 6 / 7);
  assert.equal(partial("1234567", "1234567"), 1);
  assert.equal(partial("", "12"), 0);
});

Deno.test("several keys are a mean, and a decoy's key is wrong", () => {
  const scoring = { metric: "niah", references: ["1234567", "7654321"], details: { others: ["5555555"] } } as const;
  assert.deepEqual(niah(" 1234567 and 7654321.", scoring), { score: 1, partial: 1, wrong: 0 });
  assert.deepEqual(niah(" 1234567 and 765.", scoring), { score: 0.5, partial: (1 + 3 / 7) / 2, wrong: 0 });
  assert.deepEqual(niah(" 5555555", scoring), { score: 0, partial: 1 / 7, wrong: 1 });
});

Deno.test("where nothing is hidden, a key in the answer was made up", () => {
  const nothing = (key: string, others: readonly string[] = []) =>
    ({ metric: "niah", references: [], details: { key, others } }) as const;
  assert.deepEqual(niah(" not in this text.", nothing("digits:7")), { score: 1, falsePositive: 0, wrong: 0 });
  assert.equal(niah(" 4,711.", nothing("digits:7")).falsePositive, 1);
  assert.equal(niah(" 471.", nothing("digits:7")).falsePositive, 0);
  assert.equal(niah(" 01234567-89ab-4def-8000-000000000000", nothing("uuid")).score, 0);
  assert.equal(niah(" half-finished lantern, I think", nothing("words")).score, 0);
  assert.equal(niah(" nowhere in the text", nothing("words")).score, 1);
  assert.deepEqual(niah(" 1234567", nothing("digits:7", ["1234567"])), { score: 0, falsePositive: 1, wrong: 1 });
});
