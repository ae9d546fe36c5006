import assert from "node:assert/strict";
import { readDeclarations } from "../../cli/shell/declarations.ts";
import { manPage } from "../../cli/shell/man_page.ts";
import { rocketkv } from "../e2e/cli_process.ts";
import { isInstalled } from "../support/installed.ts";

const declarations = await readDeclarations();

Deno.test("the manual has every command, argument and option, with its default", async () => {
  const { code, stdout, stderr } = await rocketkv(["man"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const text = stdout.replaceAll("\\-", "-");
  for (const { name, arguments: args, options } of declarations) {
    assert(text.includes(`.SS rocketkv ${name} [option ...]`), name);
    for (const argument of args) assert(text.includes(`.TP\n\\fI${argument.name}\\fR\n`), argument.name);
    for (const { usage } of options) assert(text.includes(`.TP\n\\fB${usage}\\fR\n`), usage);
  }
  assert(text.includes('(default: "smollm2")'));
});

Deno.test("signs that roff would read stay as they are", () => {
  const page = manPage([{ name: "x", summary: ".dot \\and 'quote", usage: "<a>", arguments: [], options: [] }]);
  assert(page.includes("\n\\&.dot \\eand 'quote.\n"), page);
});

Deno.test({
  name: "man formats the manual without a warning",
  ignore: !isInstalled("man"),
  fn: () => {
    const path = Deno.makeTempFileSync({ prefix: "rocketkv-test-", suffix: ".1" });
    try {
      Deno.writeTextFileSync(path, manPage(declarations));
      const env = { MANWIDTH: "80", LC_ALL: "C.UTF-8" };
      const { code, stdout, stderr } = new Deno.Command("man", { args: ["--warnings", "-l", path], env }).outputSync();
      assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
      assert.match(new TextDecoder().decode(stdout), /rocketkv generate \[option \.\.\.\]/);
    } finally {
      Deno.removeSync(path);
    }
  },
});
