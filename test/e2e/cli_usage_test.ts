import assert from "node:assert/strict";
import { commands } from "../../cli/commands.ts";
import { methods, wrappers } from "../../lib/methods/registry.ts";
import { rocketkv, tinyGgufFile } from "./cli_process.ts";

const generate = (...args: string[]) => ["generate", "-p", "x", ...args];

/** Command lines that cannot work, the exit code, and the one line that is said about it. */
const MISTAKES: readonly (readonly [args: readonly string[], code: number, line: RegExp])[] = [
  [["generat"], 2, /unknown command 'generat': did you mean generate\?/],
  [generate("--bugdet", "3"), 2, /unknown option '--bugdet': did you mean --budget\?/],
  [generate("extra"), 2, /too many arguments for 'generate'/],
  [generate("--new-tokens"), 2, /'-n, --new-tokens <count>' argument missing/],
  [generate("-n", "0"), 2, /^Cannot use --new-tokens as it must be an integer >= 1: current value is "0"$/],
  [generate("-n", "many"), 2, /current value is "many"/],
  [generate("--method", "rocketk"), 2, /^Cannot use --method "rocketk": did you mean "rocketkv"\?/],
  [generate("--budget", "0"), 2, /^Cannot use --budget "0": it must be an integer >= 1/],
  [generate("--budget", "-1"), 2, /--budget/],
  [generate("--ratio", "0.5"), 2, /^Cannot use --ratio "0.5"/],
  [generate("--ratio", "4x", "--budget", "64"), 2, /--ratio <factor>' cannot be used with option '--budget/],
  [generate("--set", "top_k"), 2, /^Cannot use --set "top_k": it must be name=number/],
  [generate("--set", "top_q=3"), 2, /did you mean top_k\?/],
  [generate("--top-p", "1.5"), 2, /^Cannot use --top-p as it must be a number between 0 and 1/],
  [generate("--kv-type", "f64"), 2, /Allowed choices are bf16, f32/],
  [generate("--device", "gpu"), 2, /^Cannot use device "gpu": expected auto, cpu, cuda or cuda:<number>$/],
  [generate("-f", "y"), 2, /cannot be used with/],
  [generate("-m", "no-such-model"), 1, /^Cannot find model no-such-model/],
  [["generate", "-f", "/no/such/file"], 1, /^Cannot read the prompt: no file \/no\/such\/file$/],
  [["inspect", "/"], 1, /^Cannot open model \//],
  [["pull"], 2, /^Cannot pull without a name/],
  [["pull", "no-such-model"], 2, /^Cannot pull "no-such-model"/],
  [["pull", "--list", "--verify"], 2, /--list with --verify/],
  [["bench", "--context", "512,,1024"], 2, /^Cannot use --context as it must be a list/],
  [["methods", "snapkw"], 2, /did you mean "snapkv"\?/],
  [generate("--method", "adakv(h2o)"), 2, /^Cannot use --method "adakv\(h2o\)": adakv needs a method that evicts once/],
  [generate("--method", "snapkv+hsa"), 2, /^Cannot use --method "snapkv\+hsa": "\+" joins/],
  [generate("--set", "pool=mean"), 2, /^Cannot use --set "pool=mean"/],
  [generate("--method-file", "gates=x"), 2, /^Cannot use --method-file gates: rocketkv reads no files$/],
  [generate("--method", "duoattention", "--method-file", "gates=/no"), 1, /^Cannot read the gates: no file \/no$/],
];

for (const [args, code, line] of MISTAKES) {
  Deno.test(`rocketkv ${args.join(" ")} says in one line what is wrong`, async () => {
    const outcome = await rocketkv(args);
    assert.deepEqual([outcome.code, outcome.stdout], [code, ""]);
    assert.match(outcome.stderr.trimEnd(), line);
    assert.equal(outcome.stderr.indexOf("\n"), outcome.stderr.length - 1, `more than one line: ${outcome.stderr}`);
  });
}

Deno.test("rocketkv --version prints the version of deno.json, and what was built", async () => {
  const { version } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)));
  const { code, stdout, stderr } = await rocketkv(["--version"]);
  assert.deepEqual([code, stderr], [0, ""]);
  const [first, ...lines] = stdout.trimEnd().split("\n");
  assert.equal(first, `rocketkv ${version}`);
  const facts = Object.fromEntries(lines.map((line) => line.split(/ {2,}/)));
  assert.match(facts.commit, /^[0-9a-f]{12}(-dirty)?$|^unknown$/);
  assert.equal(facts.cpu, "avx2, avx512, avx512bf16");
  assert.match(`${facts.backends}: ${facts.cuda}`, /^cpu: -$|^cpu, cuda: sm_80, sm_90, compute_90$/);
  assert.equal(facts.deno, Deno.version.deno);
});

Deno.test("rocketkv without a command prints its help on stderr", async () => {
  const { code, stdout, stderr } = await rocketkv([]);
  assert.deepEqual([code, stdout], [2, ""]);
  const help = stderr.replaceAll(/\s+/g, " "); // long summaries go on in the next line
  for (const { name, summary } of commands) assert(help.includes(`${name} ${summary}`), name);
});

for (const { name } of commands) {
  Deno.test(`rocketkv ${name} --help prints the options it has, on stdout`, async () => {
    const { code, stdout, stderr } = await rocketkv([name, "--help"]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert(stdout.startsWith(`Usage: rocketkv ${name}`));
  });
}

Deno.test("rocketkv methods lists every method, and one with its numbers", async () => {
  const all = await rocketkv(["methods"]);
  assert.equal(all.stdout.trimEnd().split("\n").length, methods.length + wrappers.length);
  const one = await rocketkv(["methods", "rocketkv"]);
  assert.match(one.stdout, /ICML 2025[^]*top_k/);
  const wrapped = await rocketkv(["methods", "adakv(snapkv)"]);
  assert.match(wrapped.stdout, /^adakv\(snapkv\): [^]*safeguard[^]*window/);
});

Deno.test("rocketkv doctor finds the library, its ABI version and the CPU", async () => {
  const { code, stdout } = await rocketkv(["doctor", "--json"]);
  assert.equal(code, 0);
  const { healthy, findings } = JSON.parse(stdout);
  assert.equal(healthy, true);
  const found = Object.fromEntries(
    findings.map((finding: { name: string; found: string }) => [finding.name, finding.found]),
  );
  assert.match(found.library, /librocketkv\.so, ABI version 2$/);
  assert.match(found.cpu, /avx.* \d+ threads, .* GiB of .* GiB free$/);
});

Deno.test("rocketkv inspect says what a model is without loading it", async () => {
  using model = tinyGgufFile({ layers: 3, kvHeads: 2, headDim: 16, dtype: "q8_0", dim: 64, contextLength: 2048 });
  const { code, stdout } = await rocketkv(["inspect", model.path, "--json", "--plan", "--budget", "64,4096"]);
  assert.equal(code, 0);
  const record = JSON.parse(stdout);
  assert.deepEqual(
    [record.format, record.architecture, record.layers, record.kv_heads, record.context_length, record.chat_template],
    ["gguf", "llama", 3, 2, 2048, true],
  );
  assert.equal(record.kv_bytes_per_token, 3 * 2 * 16 * 2 * 2);
  const [sparse, full] = record.plans;
  assert.equal(sparse.compression, 32);
  assert(sparse.read_bytes < full.read_bytes / 8);
  assert.equal(full.summary, "full cache");
});
