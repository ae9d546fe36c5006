/** What the server is made of: stops in streams, and the queue. */
import assert from "node:assert/strict";
import { Queue } from "../../lib/server/queue.ts";
import { StopFilter } from "../../lib/server/stop_filter.ts";

Deno.test("a stop ends the text in front of it, however the text is cut into pieces", () => {
  const cases: readonly (readonly [text: string, stops: readonly string[], wanted: string])[] = [
    ["one two three", ["two"], "one "],
    ["aaaab", ["aab"], "aa"],
    ["ends with the beginning of a sto", ["stop"], "ends with the beginning of a sto"],
    ["first of two: b, a", ["a", "b"], "first of two: "],
    ["abcabd", ["abd", "cabx"], "abc"],
    ["nothing here", [], "nothing here"],
    ["x", ["x"], ""],
  ];
  for (const [text, stops, wanted] of cases) {
    for (let size = 1; size <= text.length; size++) {
      const filter = new StopFilter(stops);
      let out = "";
      for (let at = 0; at < text.length; at += size) out += filter.push(text.slice(at, at + size));
      out += filter.flush();
      assert.equal(out, wanted, `${text} in pieces of ${size}`);
      assert.equal(filter.stopped, out !== text);
    }
  }
});

Deno.test("text that no stop can begin with is let out at once", () => {
  const filter = new StopFilter(["\n\n"]);
  assert.deepEqual(["a", "b\n", "c", "\n", "\nd"].map((part) => filter.push(part)), ["a", "b", "\nc", "", ""]);
});

Deno.test("jobs run one after the other in their order, whatever becomes of the others", async () => {
  const queue = new Queue(8);
  const { signal } = new AbortController();
  const log: string[] = [];
  const job = (name: string, fails = false) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    log.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  };
  const gone = new AbortController();
  const results = [
    queue.run(signal, job("a")),
    queue.run(signal, job("b", true)),
    queue.run(gone.signal, job("c")),
    queue.run(signal, job("d")),
  ];
  assert.equal(queue.length, 4);
  gone.abort();
  const settled = await Promise.allSettled(results);
  assert.deepEqual(settled.map(({ status }) => status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
  assert.deepEqual(log, ["a begins", "a ends", "b begins", "b ends", "d begins", "d ends"]);
  assert.equal(queue.length, 0);
});

Deno.test("a queue that is full refuses with 429 and takes more when there is room", async () => {
  const queue = new Queue(1);
  const { signal } = new AbortController();
  const work = Promise.withResolvers<void>();
  const running = queue.run(signal, () => work.promise);
  const waiting = queue.run(signal, () => Promise.resolve("waited"));
  assert.throws(() => queue.run(signal, () => Promise.resolve()), { status: 429, code: "queue_full" });
  work.resolve();
  await running;
  assert.equal(await waiting, "waited");
  assert.equal(await queue.run(signal, () => Promise.resolve("later")), "later");
});
