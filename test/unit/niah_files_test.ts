/** What `rocketkv niah` leaves beside its answers. */
import assert from "node:assert/strict";
import { niahCellRows } from "../../lib/report/tables/niah_cells.ts";
import { writeNeedles } from "../../lib/report/niah_files.ts";
import { studyOf } from "../../lib/report/study.ts";
import { wilson } from "../../lib/statistics/intervals.ts";
import { ARMS, runOf } from "../support/run_data.ts";

const arms = ARMS.filter(({ method, budget }) => method === "full" || method === "streaming" || budget === "128");
const needles = {
  tasks: ["niah"],
  lengths: [1024, 4096],
  depths: [0, 50, 100],
  samples: 4,
  arms,
  config: { task: { name: "niah", options: { arm: "needle", haystack: "prose", key: "digits:7" } } },
};

Deno.test("niah_cells.csv has a row per arm, length and depth", () => {
  const rows = niahCellRows(studyOf([runOf(needles)]));
  assert.equal(rows.length, arms.length * 2 * 3);
  const [middle] = rows.filter(({ arm, length, depth }) => arm === "streaming 256" && length === 4096 && depth === 50);
  assert.deepEqual([middle!.iters, middle!.foundMean, middle!.hidden, middle!.unit], [4, 0, "needle", "tokens"]);
  assert.deepEqual([middle!.ciLow, middle!.ciHigh], wilson(0, 4));
  const ends = rows.filter(({ arm, depth }) => arm === "streaming 256" && depth !== 50);
  assert.deepEqual(ends.map(({ foundMean }) => foundMean), [1, 1, 1, 1]);
});

Deno.test("maps are written as SVG, PNG and CSV: all arms, differences, and one of each arm", async () => {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    const written = await writeNeedles(runOf({ ...needles, path }));
    assert.deepEqual(written, [
      "plots/niah_needles",
      "plots/niah_needles_difference",
      "plots/niah_needles_full",
      "plots/niah_needles_rocketkv-128",
      "plots/niah_needles_snapkv-128",
      "plots/niah_needles_streaming-256",
    ]);
    for (const name of written) {
      assert.match(Deno.readTextFileSync(`${path}/${name}.svg`), /^<svg /);
      assert.deepEqual(
        [...Deno.readFileSync(`${path}/${name}.png`).subarray(1, 4)],
        [..."PNG"].map((c) => c.charCodeAt(0)),
      );
      assert.match(Deno.readTextFileSync(`${path}/${name}.csv`), /^arm,length,depth,value,n\n/);
    }
    assert.match(Deno.readTextFileSync(`${path}/plots/niah_needles_streaming-256.svg`), />100<\/text>/);
    assert.match(
      Deno.readTextFileSync(`${path}/tables/niah_cells.csv`),
      /,depth,iters,found_mean,ci_low,ci_high,partial_mean,/,
    );
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});

Deno.test("another owner's key is no needle: it is in the table and not in the maps", async () => {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-niah-" });
  try {
    const config = { task: { name: "niah", options: { arm: "wrong-key" } } };
    const run = runOf({ ...needles, config, path });
    assert.deepEqual(await writeNeedles(run), []);
    assert.match(Deno.readTextFileSync(`${path}/tables/niah_cells.csv`), /wrong-key/);
  } finally {
    Deno.removeSync(path, { recursive: true });
  }
});
