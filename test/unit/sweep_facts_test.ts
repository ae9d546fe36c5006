/** What a study knows of models and of its own pace. */
import assert from "node:assert/strict";
import { openModel } from "../../lib/model/open_model.ts";
import { lockShard } from "../../lib/sweep/folder/lock.ts";
import type { Manifest, Run } from "../../lib/sweep/folder/manifest.ts";
import { modelId } from "../../lib/sweep/grid/model_id.ts";
import { manifestOf } from "../../lib/sweep/folder/folder.ts";
import { measuredSpeeds } from "../../lib/sweep/speeds.ts";
import { statusOf } from "../../lib/sweep/folder/status.ts";
import { expandToy, runToy, ToyRunner, toyTiming, withFolder } from "../support/study.ts";
import { tinyModel } from "../support/tiny_model.ts";

async function withModels(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-id-" });
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const idOf = async (path: string) => await modelId(await openModel(path));

Deno.test("a model's id follows its files, not where they are", () =>
  withModels(async (folder) => {
    for (const place of ["a", "b"]) {
      Deno.mkdirSync(`${folder}/${place}`);
      tinyModel({}).writeGguf(`${folder}/${place}/tiny.gguf`);
    }
    const id = await idOf(`${folder}/a/tiny.gguf`);
    assert.match(id, /^[0-9a-f]{16}$/);
    assert.equal(await idOf(`${folder}/b/tiny.gguf`), id);
    Deno.renameSync(`${folder}/b/tiny.gguf`, `${folder}/b/other.gguf`);
    assert.notEqual(await idOf(`${folder}/b/other.gguf`), id);
    tinyModel({ seed: 2 }).writeGguf(`${folder}/b/tiny.gguf`);
    assert.notEqual(await idOf(`${folder}/b/tiny.gguf`), id, "the same shape with other weights");
  }));

Deno.test("a model's id follows the files that make tokens of texts", () =>
  withModels(async (folder) => {
    tinyModel({}).writeFolder(folder);
    const id = await idOf(folder);
    Deno.writeTextFileSync(`${folder}/notes.txt`, "no part of the model");
    assert.equal(await idOf(folder), id);
    Deno.writeTextFileSync(`${folder}/chat_template.jinja`, "{{ messages[0].content }}");
    const withTemplate = await idOf(folder);
    assert.notEqual(withTemplate, id);
    tinyModel({ seed: 2 }).writeFolder(folder);
    assert.notEqual(await idOf(folder), withTemplate);
  }));

Deno.test("speeds are those of a model's answers, and a shared prefill counts once", async () => {
  const { cells, expected } = await expandToy();
  const shared = { prefillMs: 50, decodeMs: 20, newTokens: 4, prefilledTokens: 600, startedAt: "2026-01-01T00:00:00Z" };
  const timing = (sample: string) => ({ ...toyTiming(sample), ...shared });
  const run = {
    path: "",
    manifest: {} as Manifest,
    cells: cells.slice(0, 2).map((cell) => ({
      ...cell,
      predictions: [],
      timings: [timing("0/10"), { ...timing("0/90"), prefilledTokens: 400 }],
      expected: expected[0]!.samples,
    })),
  } satisfies Run;
  assert.deepEqual(measuredSpeeds(run, "toy"), { prefill: 1000 / 200 * 1000, decode: 16 / 80 * 1000 });
  assert.equal(measuredSpeeds(run, "another"), null);
});

Deno.test("what is left of a run takes as long as the processes at work make of it", () =>
  withFolder(async (path) => {
    const since = new Date(Date.now() - 1000).toISOString();
    const controller = new AbortController();
    const runner = new ToyRunner((sample) => sample === "0/90" && controller.abort());
    await runToy(path, runner, { stop: controller.signal });
    const manifest = await manifestOf(path);
    const idle = await statusOf(path, manifest);
    assert.deepEqual([idle.done, idle.missing, idle.etaMs, idle.running], [6, 12, null, []]);
    const holder = { pid: 7, host: "here", since };
    const [lock] = await lockShard(path, { index: 1, count: 1 }, holder, () => Promise.resolve());
    using _lock = lock;
    const now = new Date(Date.parse(since) + 60_000);
    const { etaMs, running } = await statusOf(path, manifest, now);
    assert.equal(etaMs, 120_000, "6 answers in a minute, 12 to go");
    assert.deepEqual(running, [{ shard: { index: 1, count: 1 }, holder }]);
  }));
