/** `rocketkv ruler`: generated tasks on a model that finds needles, and official files on any. */
import assert from "node:assert/strict";
import { readRun } from "../../lib/sweep/folder/folder.ts";
import { makeNeedleModel } from "../../scripts/make_needle_model.ts";
import { rocketkv, tinyGgufFile } from "./cli_process.ts";

Deno.test("needle tasks are solved with the full cache and lost without the needle's tokens", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-ruler-" });
  try {
    makeNeedleModel(`${folder}/needle`);
    const { code, stdout, stderr } = await rocketkv([
      ...["ruler", "-m", `${folder}/needle`, "--task", "niah_single_1,niah_multikey_2", "--length", "2048"],
      ...["--samples", "2", "--method", "rocketkv,streaming", "--budget", "256", "--new-tokens", "10", "--json"],
      ...["-o", `${folder}/run`, "--device", "cpu"],
    ]);
    const dry = await rocketkv([
      ...[
        "ruler",
        "-m",
        `${folder}/needle`,
        "--task",
        "qa_1,niah_single_1",
        "--length",
        "2048",
        "--dry-run",
        "--show",
        "1",
      ],
      ...["--samples", "2", "--device", "cpu", "--assume-prefill", "1000", "--assume-decode", "100"],
    ]);
    assert.match(
      dry.stdout,
      /^--- ruler\/qa_1, sample 0: 1,\d+ tokens, at most 32 to answer, together 96.8% of the length, 1 BOS token\n/,
    );
    // The second one is a paragraph short; lines of noise are shorter.
    assert.match(dry.stderr, /^Prompts of ruler\/qa_1 at 2048 fill only 9[0-4]\.\d% of their length\n$/);

    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).path, `${folder}/run`);
    const { cells } = await readRun(`${folder}/run`);
    assert.equal(cells.length, 2 * 3);
    for (const { config, predictions } of cells) {
      const kept = predictions.map(({ cache }) => cache!.goldKept!.every((share) => share === 1));
      const scores = predictions.map(({ scores }) => scores!.score === 1);
      assert.deepEqual(
        scores,
        config.method === "streaming" ? kept : [true, true],
        `${config.task.name} ${config.method}`,
      );
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("files of RULER's own program run as they are", async () => {
  using tiny = tinyGgufFile();
  const data = `${tiny.folder}/data/512/vt`;
  Deno.mkdirSync(data, { recursive: true });
  const line = (index: number) => ({
    index,
    input: `VAR ABCDE = ${index}0000\nQuestion: Find all variables that are assigned the value ${index}0000`,
    answer_prefix: " Answer: They are",
    outputs: ["ABCDE"],
    length: 99,
  });
  Deno.writeTextFileSync(`${data}/validation.jsonl`, [1, 2, 3].map((i) => JSON.stringify(line(i)) + "\n").join(""));
  const args = ["ruler", "-m", tiny.path, "--data", `${tiny.folder}/data`, "--method", "full", "--device", "cpu"];
  const { code, stderr } = await rocketkv([...args, "--task", "vt", "-o", `${tiny.folder}/run`]);
  assert.equal(code, 0, stderr);
  const { cells: [cell] } = await readRun(`${tiny.folder}/run`);
  assert.equal(cell!.config.length, "512", "the folders say which lengths there are");
  assert.equal(cell!.config.task.options["data"], undefined, "another folder with the same files is the same cell");
  assert.deepEqual([cell!.config.dataMode, cell!.config.tokenise, cell!.config.scorer], [
    "official",
    "whole",
    "official",
  ]);
  assert.deepEqual(cell!.predictions.map(({ sample }) => sample), ["0", "1", "2"]);

  const missing = await rocketkv([...args, "--task", "cwe", "--length", "512", "-o", `${tiny.folder}/other`]);
  assert.equal(missing.code, 2, missing.stderr);
  assert.match(
    missing.stderr,
    /Cannot find the data of ruler\/cwe: expected .*data\/512\/cwe\/validation\.jsonl of RULER/,
  );
  const both = await rocketkv([...args, "--haystack", "noise"]);
  assert.equal(both.code, 2, both.stderr);
});
