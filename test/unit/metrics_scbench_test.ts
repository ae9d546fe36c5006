/** SCBench's metrics against numbers of its own program. */
import assert from "node:assert/strict";
import { bleu } from "../../lib/tasks/metrics/bleu.ts";
import { type MetricName, metrics, scoreAnswer } from "../../lib/tasks/metrics/registry.ts";
import type { ScoreMode } from "../../lib/tasks/metrics/metric.ts";
import { rougeLsum } from "../../lib/tasks/metrics/rouge_lsum.ts";
import type { Json } from "../../lib/tasks/sample.ts";

function both(metric: MetricName, answer: string, references: readonly string[], details: Record<string, Json> = {}) {
  const score = (mode: ScoreMode) => metrics[metric](answer, { metric, references, details }, mode).score;
  return [score("official"), score("fixed")];
}

const close = (found: number, wanted: number) => assert(Math.abs(found - wanted) < 1e-9, `${found} is not ${wanted}`);

Deno.test("contains finds the value; fixed wants it whole", () => {
  assert.deepEqual(both("contains", 'The value is "3f-9c".', ["3f-9c"]), [1, 1]);
  assert.deepEqual(both("contains", "3f-9cAB", ["3f-9c"]), [1, 0]);
  assert.deepEqual(both("contains", "3f-9cAB, no: 3f-9c", ["3f-9c"]), [1, 1]);
  assert.deepEqual(both("contains", "3F-9C", ["3f-9c"]), [0, 0]);
});

Deno.test("contains_all is rounded to two decimals in official", () => {
  const [official, fixed] = both("contains_all", "ABCDE and FGHIJ", ["ABCDE", "FGHIJ", "KLMNO"]);
  assert.equal(official, 0.67);
  close(fixed!, 2 / 3);
});

Deno.test("many_shot: official takes the letter wherever it is, fixed reads the option", () => {
  assert.deepEqual(both("many_shot", "(C) a small cat", ["A"]), [1, 0]);
  assert.deepEqual(both("many_shot", "(C) tin", ["A"]), [0, 0]);
  assert.deepEqual(both("many_shot", "(C) tin", ["C"]), [1, 1]);
  assert.deepEqual(both("many_shot", "The answer is C.", ["(C)"]), [0, 1]);
});

Deno.test("characters_f1: official takes every character of a plain text for an answer", () => {
  const [official, fixed] = both("characters_f1", "北京大学", ["北京大学"], { text: true });
  close(official!, 0.4);
  assert.equal(fixed, 1);
  assert.deepEqual(both("characters_f1", "北京大学", ["北京大学"]), [1, 1]);
});

Deno.test("choice: official decides by the first letter when it is one of A to D", () => {
  const labels = ["Paris", "B"];
  const official = ["B", "A and B", "Because B", "Answer: (B)", "the answer is: B", "I think C"];
  assert.deepEqual(official.map((answer) => both("choice", answer, labels)[0]), [1, 0, 1, 0, 1, 0]);
  const fixed = [
    "B",
    "B. Paris",
    "Because B",
    "Answer: (B)",
    "the answer is: B",
    "The correct option is **B**",
    "Paris.",
  ];
  assert.deepEqual(fixed.map((answer) => both("choice", answer, labels)[1]), fixed.map(() => 1));
  for (const wrong of ["I think C", "A", "Answer: A", "", "Because of London", "D. Paris"]) {
    assert.equal(both("choice", wrong, labels)[1], 0, wrong);
  }
  assert.deepEqual(both("choice", "", labels), [0, 0]);
  assert.deepEqual(both("choice", "it is the answer:", labels), [0, 0]);
});

Deno.test("first_number and passkey read the first number", () => {
  const numbers = ["57", "57.9", "−57", "-57", "3rd: 57", "none"];
  assert.deepEqual(numbers.map((answer) => both("first_number", answer, ["57"])[0]), [1, 1, 1, 1, 0, 0]);
  assert.deepEqual(numbers.map((answer) => both("first_number", answer, ["57"])[1]), [1, 0, 0, 0, 0, 0]);
  assert.deepEqual(both("passkey", "key 12345.", ["12345"]), [1, 1]);
  assert.deepEqual(both("passkey", "1 12345", ["12345"]), [0, 0]);
});

Deno.test("repoqa wants the described function: the most alike of its repository, by BLEU 0.8", () => {
  const words = (text: string) => text.split(" ");
  const wanted = words("def f(x): return x");
  assert.equal(bleu(words("def f(x): return x"), wanted), 1);
  close(Math.round(bleu(words("def f(x):"), wanted) * 1e9) / 1e9, 0.081444310);
  close(Math.round(bleu(words("def g(y): return y + 1"), wanted) * 1e9) / 1e9, 0.044706344);
  assert.equal(bleu([], wanted), 0);
  const f = "def f(x):\n  a = x + 1\n  return a", g = "def g(x):\n  a = x + 1\n  return a";
  const details = { name: "f", functions: { f, g } };
  assert.deepEqual(both("repoqa", `Here it is:\n\`\`\`python\n${f}\n\`\`\`\nIt adds 1.`, [f], details), [1, 1]);
  assert.deepEqual(both("repoqa", f, [f], details), [1, 1]);
  assert.deepEqual(both("repoqa", `\`\`\`\n${f}`, [f], details), [1, 1]); // cut off before the fence ends
  assert.deepEqual(both("repoqa", `\`\`\`\n${g}\n\`\`\``, [f], details), [0, 0]);
  assert.deepEqual(both("repoqa", "def f(x): return", [f], details), [0, 0]);
  const fenced = (answer: string) =>
    scoreAnswer(answer, { metric: "repoqa", references: [f], details }, "official")["fenced"];
  assert.deepEqual([fenced(`\`\`\`\n${f}\n\`\`\``), fenced(f)], [1, 0]);
});

Deno.test("rouge_lsum is rouge_score's rougeLsum without a stemmer", () => {
  // Computed with rouge_score 0.1.2.
  close(rougeLsum("The cat sat.\nOn the mat, it slept!", "A cat slept on the mat\nthe cat sat"), 0.7058823529411765);
  close(rougeLsum("a b c\nc b a", "a c\nb b"), 0.6);
  assert.equal(rougeLsum("", "a"), 0);
});
