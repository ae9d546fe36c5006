import assert from "node:assert/strict";
import { planTable } from "../../scripts/gpu_check/make_plans.ts";

Deno.test("the plans of the GPU measurements are what the methods give today", async () => {
  const written = await Deno.readTextFile(new URL("../../scripts/gpu_check/plans.csv", import.meta.url));
  assert.equal(written, planTable(), "run .tools/bin/deno run --allow-write=scripts scripts/gpu_check/make_plans.ts");
});
