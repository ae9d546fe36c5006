import assert from "node:assert/strict";
import { firstFew, formatBytes, formatDuration, plural, threeDigits } from "../../cli/ui/format.ts";
import { readLines } from "../../cli/ui/lines.ts";
import { snakeKeys } from "../../cli/ui/output.ts";
import { progressLine } from "../../cli/ui/progress.ts";
import { factTable, markdownTable, textTable } from "../../cli/ui/table.ts";

Deno.test("formatBytes() keeps three digits and changes units at 1024", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 270_532_608, 2 ** 34].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.00 KiB",
    "1.50 KiB",
    "258 MiB",
    "16.0 GiB",
  ]);
});

Deno.test("formatDuration() changes units where the number would grow a fourth digit", () => {
  assert.deepEqual([0.02, 0.99951, 4.2, 999.6, 12_345, 99_960, 5_999_600, 9e8].map(formatDuration), [
    "20.0 us",
    "1.00 ms",
    "4.20 ms",
    "1.00 s",
    "12.3 s",
    "1 min 40 s",
    "1 h 40 min",
    "250 h 0 min",
  ]);
});

Deno.test("firstFew() names each once, and counts the rest", () => {
  assert.equal(firstFew(["b", "a", "b"]), "b, a");
  assert.equal(firstFew([..."abcdef"]), "a, b, c, d and 2 more");
});

Deno.test("threeDigits() rounds, groups thousands and survives what cannot be measured", () => {
  assert.deepEqual([0.1234, 1.2345, 99.96, 12345.6, NaN, Infinity].map(threeDigits), [
    "0.123",
    "1.23",
    "100",
    "12,346",
    "-",
    "-",
  ]);
});

Deno.test("plural() adds an s to everything but one", () => {
  assert.deepEqual([0, 1, 2].map((n) => plural(n, "token")), ["0 tokens", "1 token", "2 tokens"]);
});

Deno.test("snakeKeys() renames our keys at every depth and leaves data keys alone", () => {
  assert.deepEqual(snakeKeys({ tokenBudget: 1, list: [{ gbPerS: 2n }], top_k: null }), {
    token_budget: 1,
    list: [{ gb_per_s: 2 }],
    top_k: null,
  });
});

Deno.test("progressLine() shows share, speed and the time that is left", () => {
  const line = progressLine({ label: "prefill", rate: (perSecond) => `${perSecond} units/s` }, 250, 1000, 500);
  assert.equal(line, "prefill 25.0%, 500 units/s, 1.50 s left");
});

Deno.test("textTable() puts numbers right and words left, without trailing blanks", () => {
  assert.equal(
    textTable(["name", "size", "note"], [["a", "1.2 GiB", "x"], ["longer", "12 B", "yes!"]]),
    "name       size  note\na       1.2 GiB  x\nlonger     12 B  yes!",
  );
});

Deno.test("markdownTable() aligns numbers and escapes bars", () => {
  assert.equal(markdownTable(["name", "n"], [["a|b", 1]]), "| name | n |\n| --- | ---: |\n| a\\|b | 1 |");
});

Deno.test("figures with an error or an exponent are numbers, too", () => {
  const table = markdownTable(["a", "b", "c"], [["0.5 ± 0.012", "2.1e-7", "1 ± x"], ["12 ± 3e-8", "-", "2"]]);
  assert.equal(table.split("\n")[1], "| ---: | ---: | --- |");
});

Deno.test("factTable() aligns values", () => {
  assert.equal(factTable([["a", 1], ["long", "two"]]), "a     1\nlong  two");
});

async function linesOf(chunks: string[]): Promise<string[]> {
  const input = ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
  return await Array.fromAsync(readLines({ prompt: "", signal: new AbortController().signal, input }));
}

Deno.test("readLines() puts lines together from any chunks and keeps a last line without an end", async () => {
  assert.deepEqual(await linesOf(["one\ntw", "o\r\n\nthr", "ee"]), ["one", "two", "", "three"]);
});

Deno.test("readLines() ends when the signal is aborted while it waits", async () => {
  const stop = new AbortController();
  const input = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("one\n")),
  });
  const lines: string[] = [];
  for await (const line of readLines({ prompt: "", signal: stop.signal, input })) {
    lines.push(line);
    setTimeout(() => stop.abort());
  }
  assert.deepEqual(lines, ["one"]);
});
