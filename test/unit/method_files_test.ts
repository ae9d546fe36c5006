import assert from "node:assert/strict";
import { parseGates } from "../../lib/methods/gates_file.ts";
import { readMethodFiles } from "../../lib/methods/method_files.ts";
import { checkPatterns, parsePatterns } from "../../lib/methods/patterns_file.ts";
import { findMethod } from "../../lib/methods/registry.ts";

Deno.test("parseGates() reads a line per layer and a number per KV head, clipped to 0 and 1", () => {
  const text = "0.5\t1.0000\t-1e-3\n0 0.25  1.2\r\n";
  assert.deepEqual(parseGates(text, "g.tsv").gates, [[0.5, 1, 0], [0, 0.25, 1]]);
});

Deno.test("parseGates() says where a file is wrong", () => {
  const cases: readonly (readonly [text: string, reason: string])[] = [
    ["", 'line 1, field 1: expected a number, found ""'],
    ["0.1 x\n", 'line 1, field 2: expected a number, found "x"'],
    ["0.1 0.2\n0.3 inf\n", 'line 2, field 2: expected a number, found "inf"'],
    ["0.1 0.2\n0.3\n", "line 2: expected 2 gates as in line 1, found 1"],
    ["0.1\n\n0.2\n", 'line 2, field 1: expected a number, found ""'],
  ];
  for (const [text, reason] of cases) {
    assert.throws(() => parseGates(text, "g.tsv"), {
      name: "RunError",
      message: `Cannot read the gates g.tsv: ${reason}`,
    });
  }
});

const SEARCHED = JSON.stringify([
  { "0": ["vertical_and_slash", 1000, 6096, 336379.3], "3": ["stream_llm", 100, 800, 1.5] },
  { "1": ["block_sparse", 1000, 6096, 0] },
]);

Deno.test("parsePatterns() reads MInference's kinds by layer and query head", () => {
  const { layers } = parsePatterns(SEARCHED, "p.json");
  assert.deepEqual([...layers[0]!], [
    [0, { kind: "vertical_slash", first: 1000, second: 6096 }],
    [3, { kind: "a_shape", first: 100, second: 800 }],
  ]);
  assert.deepEqual([...layers[1]!], [[1, { kind: "block", first: 100, second: 0 }]]);
});

Deno.test("parsePatterns() says where a file is wrong", () => {
  const cases: readonly (readonly [json: unknown, reason: RegExp])[] = [
    [{}, /: expected a list with an object per layer, found \{\}$/],
    [[], /: expected a list with an object per layer, found \[\]$/],
    [[{}, 3], /: layer 1: expected an object from heads to patterns, found 3$/],
    [[{ q: ["stream_llm", 1, 2] }], /: layer 0, head q: expected the number of a query head, found "q"$/],
    [[{ "2": ["diagonal", 1, 2] }], /: layer 0, head 2: expected stream_llm, .*, found "diagonal"$/],
    [[{ "2": 7 }], /: layer 0, head 2: expected stream_llm, .*, found 7$/],
    [[{ "2": ["stream_llm", 1] }], /: layer 0, head 2: expected two whole numbers after the kind, found /],
    [[{ "2": ["stream_llm", 1, -2] }], /: layer 0, head 2: expected two whole numbers after the kind, found /],
  ];
  for (const [json, reason] of cases) {
    assert.throws(() => parsePatterns(JSON.stringify(json), "p.json"), (error: Error) => {
      assert.equal(error.name, "RunError");
      assert(
        error.message.startsWith("Cannot read the patterns p.json: ") && reason.test(error.message),
        error.message,
      );
      return true;
    });
  }
  assert.throws(() => parsePatterns("[{", "p.json"), { message: /^Cannot read the patterns p\.json: expected JSON: / });
});

Deno.test("checkPatterns() refuses patterns of another model", () => {
  const table = parsePatterns(SEARCHED, "p.json");
  checkPatterns(table, { nLayers: 2, nHeads: 4 });
  assert.throws(() => checkPatterns(table, { nLayers: 3, nHeads: 4 }), {
    name: "UsageError",
    message: "Cannot use the patterns p.json: expected 3 layers, found 2",
  });
  assert.throws(() => checkPatterns(table, { nLayers: 2, nHeads: 3 }), {
    message: "Cannot use the patterns p.json: expected 3 query heads, found head 3 in layer 0",
  });
});

Deno.test("readMethodFiles() reads what a method asks for", async () => {
  const path = Deno.makeTempFileSync();
  try {
    Deno.writeTextFileSync(path, "0.5 1\n");
    const files = await readMethodFiles(findMethod("duoattention"), [`gates=${path}`]);
    assert.deepEqual(files, { gates: { path, gates: [[0.5, 1]] } });
    assert.deepEqual(await readMethodFiles(findMethod("full"), []), {});
  } finally {
    Deno.removeSync(path);
  }
});

Deno.test("readMethodFiles() refuses files that are not asked for or not there", async () => {
  const cases: readonly (readonly [method: string, texts: string[], name: string, message: string])[] = [
    [
      "duoattention",
      ["heads.tsv"],
      "UsageError",
      'Cannot use --method-file "heads.tsv": it must be kind=path, such as gates=heads.tsv',
    ],
    [
      "duoattention",
      ["gate=x"],
      "UsageError",
      "Cannot use --method-file gate: did you mean gates? duoattention reads gates",
    ],
    ["snapkv", ["gates=x"], "UsageError", "Cannot use --method-file gates: snapkv reads no files"],
    ["duoattention", ["gates=/no/such"], "RunError", "Cannot read the gates: no file /no/such"],
  ];
  for (const [method, texts, name, message] of cases) {
    await assert.rejects(readMethodFiles(findMethod(method), texts), { name, message });
  }
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "1\n");
  await assert.rejects(readMethodFiles(findMethod("duoattention"), [`gates=${path}`, `gates=${path}`]), {
    message: `Cannot use --method-file "gates=${path}": gates is given twice`,
  });
  Deno.removeSync(path);
});
