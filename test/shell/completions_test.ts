/** Completions as the shells themselves give them. */
import assert from "node:assert/strict";
import { commands } from "../../cli/commands.ts";
import { readDeclarations } from "../../cli/shell/declarations.ts";
import { methods, wrappers } from "../../lib/methods/registry.ts";
import { rocketkv } from "../e2e/cli_process.ts";
import { isInstalled } from "../support/installed.ts";

const declarations = await readDeclarations();

const scripts = new Map<string, string>();

async function script(shell: string): Promise<string> {
  if (!scripts.has(shell)) {
    const { code, stdout, stderr } = await rocketkv(["completions", shell]);
    assert.deepEqual([code, stderr], [0, ""]);
    scripts.set(shell, stdout);
  }
  return scripts.get(shell)!;
}

function run(program: string, args: readonly string[], cwd: string): string[] {
  const { code, stdout, stderr } = new Deno.Command(program, { args: [...args], cwd, env: { LC_ALL: "C.UTF-8" } })
    .outputSync();
  const text = new TextDecoder();
  assert.deepEqual([code, text.decode(stderr)], [0, ""]);
  return text.decode(stdout).split("\n").filter((line) => line !== "");
}

/** A folder with files and folders to complete. */
function folder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  for (const name of ["prompt one.txt", "prompt.txt"]) Deno.writeTextFileSync(`${path}/${name}`, "");
  Deno.mkdirSync(`${path}/prompts`);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** What bash offers for the last word of a line, given as bash takes it apart. */
async function bash(...words: string[]): Promise<string[]> {
  using place = folder();
  Deno.writeTextFileSync(`${place.path}/.completions`, await script("bash"));
  const complete = `source .completions
    [[ $(complete -p rocketkv) == 'complete -F _rocketkv rocketkv' ]] || exit 3
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _rocketkv
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return run("bash", ["--norc", "-c", complete, "bash", "rocketkv", ...words], place.path);
}

Deno.test("bash offers every command", async () => {
  const names = commands.map(({ name }) => name);
  assert.deepEqual(await bash(""), [...names, "help", "--help", "--version"]);
  assert.deepEqual(await bash("ben"), ["bench"]);
  assert.deepEqual(await bash("help", ""), names);
});

for (const { name, options } of declarations) {
  Deno.test(`bash offers every option of ${name}`, async () => {
    const flags = options.flatMap(({ long, short }) => short === null ? [long] : [long, short]);
    assert.deepEqual(await bash(name, "-"), flags);
  });
}

const METHODS = [...methods, ...wrappers].map(({ name }) => name);
const BASH: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [["generate", "--kv-type", ""], ["bf16", "f32", "int8", "int4", "int2"]],
  [["generate", "--kv-type", "=", "int"], ["int8", "int4", "int2"]],
  [["generate", "--kv-type", "="], ["bf16", "f32", "int8", "int4", "int2"]],
  [["generate", "--method", ""], METHODS],
  [["analyze", "--method", "full,snapkv"], ["full,snapkv", "full,snapkv-head"]],
  [["generate", "--file", "prompt"], ["prompts", "prompt one.txt", "prompt.txt"]],
  [["generate", "-f", "prompt."], ["prompt.txt"]],
  [["analyze", "--out", "prompt"], ["prompts"]],
  [["inspect", "prompt."], ["prompt.txt"]],
  [["generate", "-p", ""], []],
  [["generate", "--seed", "1", "--sta"], ["--stats"]],
  [["methods", "snapkv-"], ["snapkv-head"]],
  [["completions", ""], ["bash", "zsh", "fish"]],
  [["no-such-command", ""], []],
];
for (const [words, offered] of BASH) {
  Deno.test(`bash completes rocketkv ${words.join(" ")}`, async () => {
    assert.deepEqual((await bash(...words)).sort(), [...offered].sort());
  });
}

/** What fish offers for the last word of a line. */
async function fish(line: string): Promise<string[]> {
  using place = folder();
  Deno.writeTextFileSync(`${place.path}/.completions`, await script("fish"));
  const lines = run("fish", ["--no-config", "-c", `source .completions; complete -C '${line}'`], place.path);
  return lines.map((line) => line.split("\t")[0]!);
}

Deno.test({
  name: "fish offers commands, options, words and files",
  ignore: !isInstalled("fish"),
  fn: async () => {
    assert.deepEqual(await fish("rocketkv ben"), ["bench"]);
    assert.deepEqual(await fish("rocketkv generate --sta"), ["--stats"]);
    assert.deepEqual(await fish("rocketkv generate --kv-type int"), ["int2", "int4", "int8"]);
    assert.deepEqual(await fish("rocketkv analyze --method full,snapkv-"), ["full,snapkv-head"]);
    assert.deepEqual(await fish("rocketkv generate -f prompt.t"), ["prompt.txt"]);
    assert.deepEqual(await fish("rocketkv methods knor"), ["knorm"]);
  },
});

Deno.test({
  name: "zsh can read its completions",
  ignore: !isInstalled("zsh"),
  fn: async () => {
    using place = folder();
    Deno.writeTextFileSync(`${place.path}/_rocketkv`, await script("zsh"));
    run("zsh", ["-f", "-n", "_rocketkv"], place.path);
    const load = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[rocketkv]";
    assert.deepEqual(run("zsh", ["-f", "-c", load], place.path), ["_rocketkv"]);
  },
});

Deno.test("completions of zsh and fish have every command and every option", async () => {
  const [zsh, fish] = [await script("zsh"), await script("fish")];
  for (const { name, options } of declarations) {
    assert(zsh.includes(`'${name}:`) && zsh.includes(`        ${name})\n`), name);
    assert(fish.includes(` -a ${name} -d `), name);
    for (const { long } of options) {
      assert(zsh.includes(`*${long}`), long);
      assert(fish.includes(`__fish_seen_subcommand_from ${name}`) && fish.includes(`-l ${long.slice(2)}`), long);
    }
  }
});

Deno.test("completions of an unknown shell are refused in one line", async () => {
  const { code, stdout, stderr } = await rocketkv(["completions", "tcsh"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /Allowed choices are bash, zsh, fish\n?$/);
});
