/** `rocketkv analyze` as people run it, on tiny models. */
import assert from "node:assert/strict";
import { rocketkv, tinyGgufFile } from "./cli_process.ts";

const NEEDLE = "the key is 4711";
const PROMPT = `${"The quick brown fox jumps over the lazy dog. ".repeat(4)}Remember: ${NEEDLE}. ${
  "All work and no play. ".repeat(4)
}`;

interface Head {
  layer: number;
  kv_head: number;
  mass: number;
  recall: number;
  needle_cached: number | null;
  needle_attended: number | null;
}
interface Report extends Omit<Head, "layer" | "kv_head"> {
  method: string;
  token_budget: number | null;
  attended: number;
  heads: Head[];
}

async function analyze(model: string, ...args: string[]) {
  const { code, stdout, stderr } = await rocketkv(["analyze", "--json", "-m", model, "--raw", "-p", PROMPT, ...args]);
  assert.deepEqual([code, stderr], [0, ""]);
  const record = JSON.parse(stdout);
  const methods: Record<string, Report> = Object.fromEntries(record.methods.map((m: Report) => [m.method, m]));
  return { record, methods };
}

const close = (found: number, wanted: number) => assert(Math.abs(found - wanted) < 1e-5, `${found} is not ${wanted}`);

Deno.test("the full cache attends to all of the softmax, and a query head's oracle to its best tokens", async () => {
  // In the first layer every session asks the same question: later ones see what earlier attention left out.
  using model = tinyGgufFile({ layers: 1, heads: 4, kvHeads: 2 });
  const { record, methods } = await analyze(
    model.path,
    ...["-n", "4", "--method", "full,oracle,oracle-group,random", "--budget", "24", "--kv-type", "f32"],
  );
  const { full, oracle, random } = methods;
  close(full!.mass, 1);
  assert.deepEqual([full!.recall, full!.token_budget], [1, null]);
  assert.deepEqual([oracle!.recall, oracle!.attended, oracle!.token_budget], [1, 24, 24]);
  for (const head of oracle!.heads) assert.equal(head.recall, 1);
  for (const [i, head] of oracle!.heads.entries()) {
    assert(head.mass < 1 && head.mass >= methods["oracle-group"]!.heads[i]!.mass - 1e-6, "none is above the oracle");
    assert(head.mass > random!.heads[i]!.mass);
  }
  const share = 24 / (record.prompt_tokens + 2.5); // of all tokens, in the mean of the four steps
  close(record.overlap[0][1], 24 * (1 / 4) * [1, 2, 3, 4].reduce((sum, i) => sum + 1 / (record.prompt_tokens + i), 0));
  assert(Math.abs(random!.recall - share) < 0.15, `random tokens are among the best by chance: ${random!.recall}`);
});

Deno.test("analyze --json says for every head what was attended, and how methods overlap", async () => {
  using model = tinyGgufFile({ layers: 3, heads: 6, kvHeads: 2 });
  const { record, methods } = await analyze(
    model.path,
    ...["-n", "3", "--method", "rocketkv,snapkv,streaming", "--budget", "32,64", "--unique-top-k", "5"],
  );
  assert.deepEqual(
    record.methods.map((m: Report) => [m.method, m.token_budget]),
    [["rocketkv", 32], ["rocketkv", 64], ["snapkv", 32], ["snapkv", 64], ["streaming", 32], ["streaming", 64]],
  );
  const places = [0, 1, 2].flatMap((layer) => [0, 1].map((head) => [layer, head]));
  for (const { heads, mass, recall } of record.methods as Report[]) {
    assert.deepEqual(heads.map((head) => [head.layer, head.kv_head]), places);
    for (const head of heads) assert(head.mass > 0 && head.mass <= 1.00001 && head.recall >= 0 && head.recall <= 1);
    close(heads.reduce((sum, head) => sum + head.mass, 0) / heads.length, mass);
    assert(recall > 0 && recall < 1);
  }
  assert.equal(methods["streaming"]!.attended, 64);
  assert.deepEqual([record.needle, methods["snapkv"]!.needle_cached], [null, null]);
  assert.equal(record.continuation.length, 3);
  record.overlap.forEach((row: number[], i: number) => {
    assert.equal(row[i], 1);
    row.forEach((value, j) => assert(value === record.overlap[j][i] && value >= 0 && value <= 1));
  });
  const { k, steps } = record.unique_top_k;
  assert.deepEqual([k, steps.length, steps[0]], [5, 3, 5]);
  assert(steps[0] < steps[2] && steps[2] <= 15);
});

Deno.test("analyze --needle finds the tokens of a text, and what streaming lost", async () => {
  using model = tinyGgufFile();
  const { record, methods } = await analyze(
    model.path,
    ...["-n", "2", "--method", "full,oracle,streaming", "--budget", "32", "--needle", NEEDLE],
  );
  const [begin, end] = record.needle;
  assert.deepEqual([begin, end], [1 + PROMPT.indexOf(NEEDLE), 1 + PROMPT.indexOf(NEEDLE) + NEEDLE.length]); // <bos>
  const share = (method: string) => [methods[method]!.needle_cached, methods[method]!.needle_attended];
  assert.deepEqual(share("full"), [1, 1]);
  assert.deepEqual(share("streaming"), [0, 0]);
  const [cached, attended] = share("oracle");
  assert(cached === 1 && attended! > 0 && attended! < 1);
});

Deno.test("analyze --out writes the record, six SVG and six PNG into a new folder, and prints the tables", async () => {
  using model = tinyGgufFile();
  const out = `${model.folder}/a/new folder`;
  const { code, stdout, stderr } = await rocketkv(
    ["analyze", "-m", model.path, "--raw", "-p", PROMPT, "--method", "full,rocketkv,adakv(snapkv)", "-n", "2"].concat(
      ["--budget", "32", "--needle", NEEDLE, "--out", out],
    ),
  );
  assert.deepEqual([code, stderr], [0, `Wrote analysis.json and the charts to ${out}\n`]);
  assert.match(stdout, /^method +budget +attended +mass +least mass +recall +needle cached +needle attended\n/);
  assert.match(stdout, /^full +- +\d+ +100\.0% +100\.0% +100\.0% +100\.0% +100\.0%$/m);
  const record = JSON.parse(Deno.readTextFileSync(`${out}/analysis.json`));
  assert.deepEqual(record.methods.map((m: Report) => m.method), ["full", "rocketkv", "adakv(snapkv)"]);
  const charts = ["mass", "needle_attended", "needle_cached", "overlap", "recall", "unique_top_k"];
  assert.deepEqual(
    [...Deno.readDirSync(out)].map(({ name }) => name).sort(),
    ["analysis.json", ...charts.flatMap((name) => [`${name}.png`, `${name}.svg`])].sort(),
  );
  for (const name of charts) {
    assertWellFormed(Deno.readTextFileSync(`${out}/${name}.svg`), name);
    const png = Deno.readFileSync(`${out}/${name}.png`);
    assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], name);
    assert.equal(new TextDecoder().decode(png.subarray(-8, -4)), "IEND", name);
  }
  const mass = Deno.readTextFileSync(`${out}/mass.svg`);
  for (const label of [">full<", ">rocketkv 32<", ">adakv(snapkv) 32<"]) assert(mass.includes(label), label);
});

/** Every element is closed by its own name, attributes are quoted, and no number is missing. */
function assertWellFormed(svg: string, name: string): void {
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/, name);
  assert(svg.startsWith("<svg") && svg.endsWith("</svg>"), name);
  const open: string[] = [];
  const rest = svg.replaceAll(
    /<(\/?)([a-zA-Z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/g,
    (_, end, tag, _attributes, empty) => {
      if (end) assert.equal(open.pop(), tag, name);
      else if (!empty) open.push(tag);
      return "";
    },
  );
  assert.deepEqual(open, [], name);
  assert.doesNotMatch(rest, /[<>]|&(?!amp;|lt;|gt;|quot;|apos;|#\d+;)/, name);
}

Deno.test("a sparse prefill is analysed beside the dense one", async () => {
  using model = tinyGgufFile();
  const patterns = `${model.folder}/patterns.json`;
  const pattern = { "0": ["vertical_and_slash", 30, 50, 1], "3": ["stream_llm", 10, 40, 1] };
  Deno.writeTextFileSync(patterns, JSON.stringify([pattern, pattern]));
  const args = ["-n", "2", "--method", "full,minference,minference+rocketkv,snapkv", "--budget", "32"];
  const { methods } = await analyze(
    model.path,
    ...args,
    "--method-file",
    `patterns=${patterns}`,
    "--set",
    "decode_tail=2",
  );
  close(methods["minference"]!.mass, 1); // it decodes on the full cache
  assert(methods["minference+rocketkv"]!.mass < 1);
});

/** What cannot be analysed, the exit code, and the one line that is said about it. */
const REFUSALS: readonly (readonly [what: string, args: (folder: string) => string[], code: number, line: RegExp])[] = [
  ["an unknown method", () => ["--method", "oracel"], 2, /did you mean "oracle"\?/],
  ["no steps", () => ["-n", "0"], 2, /^Cannot use --steps as it must be an integer >= 1/],
  [
    "a needle that is not there",
    () => ["--needle", "4712"],
    1,
    /^Cannot find the needle: expected a part of the prompt, /,
  ],
  ["a prompt longer than the context", () => ["-n", "5000"], 1, /^Cannot run the prompt: the model was made for 4096/],
  [
    "a folder that cannot be made",
    (folder) => ["--out", `${folder}/tiny.gguf/charts`],
    1,
    /^Cannot write .*tiny\.gguf\/charts: Not a directory/,
  ],
  [
    "a file as its folder",
    (folder) => ["--out", `${folder}/tiny.gguf`],
    1,
    /^Cannot write .*File exists/,
  ],
];

for (const [what, args, code, line] of REFUSALS) {
  Deno.test(`analyze refuses ${what} in one line`, async () => {
    using model = tinyGgufFile();
    const outcome = await rocketkv(["analyze", "-m", model.path, "--raw", "-p", PROMPT, ...args(model.folder)]);
    assert.deepEqual([outcome.code, outcome.stdout, outcome.stderr.split("\n").length], [code, "", 2], outcome.stderr);
    assert.match(outcome.stderr, line);
  });
}
