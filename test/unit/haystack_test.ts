import assert from "node:assert/strict";
import { Dice } from "../../lib/tasks/dice.ts";
import { NOISE, PROSE, repeats, textHaystack } from "../../lib/tasks/haystack/haystack.ts";
import { openHaystack } from "../../lib/tasks/haystack/source.ts";
import { paragraph } from "../../lib/tasks/prose.ts";
import { sentenceEnds } from "../../lib/tasks/sentences.ts";

Deno.test("prose is the same everywhere: the first paragraph of a seed", () => {
  assert.equal(
    paragraph(new Dice(1, "golden")),
    "Whenever the river was higher than usual, the schoolmistress lingered in the market square. At the end of the harvest the postmistress gave her a useful almanac from the customs house. While the river was higher than usual, she and the postmistress wrapped up a coil of rope together. If she had owned a crooked pair of boots, she would have shown it to the postmistress. By then a thin fog lay over the fields.",
  );
});

Deno.test("articles and pronouns of prose agree, and it is ASCII in whole sentences", () => {
  const dice = new Dice(3, "prose");
  const text = Array.from({ length: 300 }, () => paragraph(dice)).join("\n\n");
  assert(/^[\x20-\x7e\n]*$/.test(text));
  assert.equal(text.match(/\b[Aa] [aeio]/g), null);
  assert.equal(text.match(/\b[Aa]n (?!hour)[^aeiou]/g), null);
  assert.equal(text.match(/ {2}|,,|\.\./g), null);
  for (const part of text.split("\n\n")) assert.match(part, /^[A-Z"].*[.!?]"?$/);
});

Deno.test("a text of one's own starts at a sentence and over where it ends", () => {
  const text = textHaystack("mine.txt", "One two. Three four!\n\nFive six?");
  const words = text.words(new Dice(1, "start"), 8).join("");
  assert.match("One two. Three four!\n\nFive six?\n\n".repeat(3), new RegExp(words.replaceAll(/[?.]/g, "\\$&")));
  assert.match(words, /^(One|Three|Five)/);
  assert.deepEqual([6, 7, 12, 13].map((count) => repeats(text, count)), [0, 1, 1, 2]);
  assert.equal(repeats(PROSE, 1e6), 0);
  assert.throws(() => textHaystack("mine.txt", " \n"), /Cannot use mine.txt .* expected at least one word, found none/);
});

Deno.test("fewer words of a haystack are a part of more", () => {
  for (const haystack of [PROSE, NOISE, textHaystack("mine.txt", "One two. Three four! Five.")]) {
    const [few, many] = [7, 300].map((count) => haystack.words(new Dice(2, "part"), count).slice(0, count));
    assert.equal(few!.length, 7);
    assert.deepEqual(many!.slice(0, 7), few);
  }
});

Deno.test("sentences end behind marks and closing quotes, not inside of numbers or behind titles", () => {
  assert.deepEqual(sentenceEnds(["Mr. ", "X ", "is ", "3.5 ", "miles. ", "Yes!\n", 'No?" ', "so"]), [5, 6, 7]);
});

Deno.test("haystacks are read from files, and from folders in the order of names", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-haystack-" });
  try {
    Deno.writeTextFileSync(`${folder}/b.txt`, "Second text.");
    Deno.writeTextFileSync(`${folder}/a.txt`, "First text.\n");
    Deno.writeTextFileSync(`${folder}/c.md`, "No text.");
    const { haystack, id } = await openHaystack(folder);
    assert.equal(haystack.size, 4);
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    const words = haystack.words(new Dice(1, "x"), 4).join("").replaceAll(/\s+/g, " ");
    assert(["First text. Second text. ", "Second text. First text. "].includes(words), words);
    assert.equal((await openHaystack(`${folder}/b.txt`)).haystack.size, 2);
    await assert.rejects(openHaystack(`${folder}/d.txt`), /expected prose, noise, pulled:<name>, a text file/);
    Deno.removeSync(`${folder}/a.txt`);
    Deno.removeSync(`${folder}/b.txt`);
    await assert.rejects(openHaystack(folder), /expected \*\.txt files in it, found none/);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
