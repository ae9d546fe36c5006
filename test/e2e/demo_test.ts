import assert from "node:assert/strict";
import { resolveModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { loadText } from "../../lib/text/load_text.ts";
import fixture from "../fixtures/smollm2/logits.json" with { type: "json" };
import { rocketkv } from "./cli_process.ts";

const PROMPT = decodeURIComponent(new URL("../../scripts/demo/prompt.txt", import.meta.url).pathname);

Deno.test("the demo's question is answered right from a cache of 256 tokens", async () => {
  const { code, stdout, stderr } = await rocketkv(
    ["generate", "--raw", "--file", PROMPT, "--new-tokens", "8", "--method", "rocketkv", "--budget", "256"],
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, " eighteen miles on a clear night.\n");
});

Deno.test("SmolLM2's tokenizer and an independent one agree on the demo's prompt", async () => {
  const { tokenizer } = loadText((await openModel(await resolveModel("smollm2"))).text);
  const ids = tokenizer.encode(await Deno.readTextFile(PROMPT));
  assert.deepEqual(ids.slice(0, fixture.prompt.tokens.length), fixture.prompt.tokens);
});
