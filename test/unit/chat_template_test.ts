import assert from "node:assert/strict";
import { RunError } from "../../lib/error.ts";
import type { TextSource } from "../../lib/model/types.ts";
import { JinjaChatTemplate } from "../../lib/text/chat_template.ts";
import { loadText } from "../../lib/text/load_text.ts";
import type { ChatMessage } from "../../lib/text/types.ts";

interface Style {
  readonly style: string;
  readonly template: string;
  readonly bos: string;
  readonly eos: string;
  readonly cases: { messages: ChatMessage[]; generationPrompt: boolean; prompt?: string; error?: string }[];
}

const styles: Style[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/text/chat_prompts.json", import.meta.url)),
);

for (const { style, template, bos, eos, cases } of styles) {
  Deno.test(`${style} chat templates render as Jinja2 renders them`, async (t) => {
    const chat = new JinjaChatTemplate(template, { bos_token: bos, eos_token: eos });
    for (const [i, { messages, generationPrompt, prompt, error }] of cases.entries()) {
      await t.step(`conversation ${i}: ${error ?? "rendered"}`, () => {
        if (prompt !== undefined) assert.equal(chat.render(messages, { generationPrompt }), prompt);
        else assert.throws(() => chat.render(messages), new RunError(`Cannot render the chat template: ${error}`));
      });
    }
  });
}

Deno.test("render() asks for an answer unless told otherwise", () => {
  const chat = new JinjaChatTemplate("{{ add_generation_prompt }}", { bos_token: "", eos_token: "" });
  assert.equal(chat.render([]), "true");
  assert.equal(chat.render([], { generationPrompt: false }), "false");
});

Deno.test("a template that cannot be parsed or run is one line of error", () => {
  for (
    const broken of ["{% if %}", "{% for x in %}\n{% endfor %}", "{{ missing() }}", "{{ 1 | nofilter }}"]
  ) {
    const chat = new JinjaChatTemplate(broken, { bos_token: "", eos_token: "" });
    assert.throws(
      () => chat.render([{ role: "user", content: "hi" }]),
      (error: Error) => error instanceof RunError && /^Cannot render the chat template: \S[^\n]*$/.test(error.message),
      broken,
    );
  }
});

/** A Hugging Face source with the smallest tokenizer, and these files beside it. */
function source(files: { config?: Record<string, unknown>; template?: string }): TextSource {
  return {
    kind: "huggingface",
    tokenizer: {
      model: { type: "BPE", vocab: { a: 0, "<s>": 1, "</s>": 2 }, merges: [] },
      added_tokens: [{ id: 1, content: "<s>", special: true }, { id: 2, content: "</s>", special: true }],
    },
    tokenizerConfig: files.config ?? {},
    generationConfig: {},
    configEos: [2],
    configBos: 1,
    chatTemplateFile: files.template ?? null,
  };
}

Deno.test("the chat template comes from its own file, the configuration, the default of a list, or nowhere", () => {
  const rendered = (from: TextSource) => loadText(from).chat?.render([]) ?? null;
  assert.equal(rendered(source({})), null);
  assert.equal(rendered(source({ config: { chat_template: "inline" } })), "inline");
  assert.equal(rendered(source({ config: { chat_template: "inline" }, template: "file" })), "file");
  const list = [{ name: "tool_use", template: "tools" }, { name: "default", template: "plain" }];
  assert.equal(rendered(source({ config: { chat_template: list } })), "plain");
  assert.equal(rendered(source({ config: { chat_template: list.slice(0, 1) } })), null);
});

Deno.test("templates see the texts of the special tokens", () => {
  const template = "{{ bos_token }}|{{ eos_token }}";
  assert.equal(loadText(source({ template })).chat?.render([]), "<s>|</s>");
  const named = { bos_token: { content: "<begin>" }, eos_token: "<end>" };
  assert.equal(loadText(source({ template, config: named })).chat?.render([]), "<begin>|<end>");
  const without = { bos_token: null, eos_token: null };
  assert.equal(loadText(source({ template, config: without })).chat?.render([]), "|</s>");
});

Deno.test("templates find tools and documents defined but empty, and can ask for the date", () => {
  const render = (template: string) => new JinjaChatTemplate(template, { bos_token: "", eos_token: "" }).render([]);
  assert.equal(render("{{ tools is none }} {{ tools is defined }} {{ documents is none }}"), "true true true");
  assert.match(render("{{ strftime_now('%d %b %Y') }}"), /^\d\d [A-Z][a-z]{2} \d{4}$/);
});
