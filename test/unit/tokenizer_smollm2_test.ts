/** SmolLM2's own vocabulary, where it has been pulled: `rocketkv pull smollm2`. */
import assert from "node:assert/strict";
import { openModel } from "../../lib/model/open_model.ts";
import { modelFolder, readManifest } from "../../lib/model/store.ts";
import { loadText } from "../../lib/text/load_text.ts";

const manifest = await readManifest("smollm2").catch(() => null);
if (manifest === null) console.log(`skipped: no model in ${modelFolder("smollm2")}; "rocketkv pull smollm2" gets it`);

Deno.test({
  name: "SmolLM2's GGUF vocabulary gives the reference's ids and text",
  ignore: manifest === null,
  async fn(t) {
    const { text: source } = await openModel(`${modelFolder("smollm2")}/${manifest!.open}`);
    const { tokenizer, chat } = loadText(source);
    const fixture = new URL("../fixtures/text/smollm2_ids.json", import.meta.url);
    const { texts, cases } = JSON.parse(Deno.readTextFileSync(fixture)) as {
      texts: string[];
      cases: { ids: number[]; decoded: string; all: string }[];
    };
    for (const [i, text] of texts.entries()) {
      await t.step(JSON.stringify(text), () => {
        const { ids, decoded, all } = cases[i]!;
        assert.deepEqual(tokenizer.encode(text), ids);
        assert.equal(tokenizer.decode(ids), decoded);
        assert.equal(tokenizer.decode(ids, { special: true }), all);
      });
    }
    await t.step("ends of turns and the chat template", () => {
      assert.deepEqual(tokenizer.eosIds.map((id) => tokenizer.piece(id)), ["<|im_end|>", "<|endoftext|>"]);
      assert.equal(
        chat?.render([{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }]),
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
      );
    });
  },
});
