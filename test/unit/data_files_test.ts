/** Data files of every kind give the same records, and bad ones are refused with file, place and field. */
import assert from "node:assert/strict";
import { UsageError } from "../../lib/error.ts";
import { parquetRows } from "../../lib/tasks/files/parquet_rows.ts";
import { allRows, rowsOf } from "../../lib/tasks/files/rows.ts";
import { Row } from "../../lib/tasks/files/row.ts";
import { writtenList } from "../../lib/tasks/files/written_list.ts";

const FIXTURES = decodeURIComponent(new URL("../fixtures/data", import.meta.url).pathname);

/** What `scripts/make_data_fixture.py` wrote. */
const RECORDS = [0, 1, 2].map((i) => ({
  _id: `r${i}`,
  context: `Zeile ${i}: 北京大学 — «naïve» 😀 ${"lorem ipsum ".repeat(20)}`,
  answers: [`eins ${i}`, "zwei"].slice(0, i + 1),
  length: 1000 + i,
  all_classes: i === 0 ? undefined : ["A", "B"],
  turns: [{ input: `q${i}`, answer: "a" }, { input: "last", answer: undefined }],
}));

const plain = (row: Row) => ({
  _id: row.text("_id"),
  context: row.text("context"),
  answers: row.texts("answers"),
  length: row.integer("length"),
  all_classes: row.has("all_classes") ? row.texts("all_classes") : undefined,
  turns: row.rows("turns").map((turn) => ({ input: turn.text("input"), answer: turn.value("answer") })),
});

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rocketkv-data-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const name of ["snappy.parquet", "zstd.parquet", "gzip.parquet", "none.parquet", "pages_v2.parquet", "saved"]) {
  Deno.test(`${name} of pyarrow holds the records that were written`, async () => {
    const rows = await allRows(`${FIXTURES}/${name}`);
    assert.deepEqual(rows.map(plain), RECORDS);
    if (name.endsWith(".parquet")) assert.deepEqual(rows.map(({ place }) => place), ["row 1", "row 2", "row 3"]);
  });
}

Deno.test("JSONL, JSON and a folder of splits hold the same records", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.jsonl`, RECORDS.map((one) => JSON.stringify(one)).join("\r\n\n") + "\n");
    await Deno.writeTextFile(`${folder}/a.json`, JSON.stringify(RECORDS));
    await Deno.writeTextFile(`${folder}/b.json`, JSON.stringify({ data: RECORDS }));
    await Deno.mkdir(`${folder}/splits/test`, { recursive: true });
    await Deno.writeTextFile(`${folder}/splits/dataset_dict.json`, '{"splits": ["train", "test"]}');
    for await (const { name } of Deno.readDir(`${FIXTURES}/saved`)) {
      await Deno.copyFile(`${FIXTURES}/saved/${name}`, `${folder}/splits/test/${name}`);
    }
    for (const name of ["a.jsonl", "a.json", "b.json", "splits"]) {
      assert.deepEqual((await allRows(`${folder}/${name}`)).map(plain), RECORDS, name);
    }
  });
});

Deno.test("a line that is longer than what is read at once is one record", async () => {
  await inFolder(async (folder) => {
    const context = "北京".repeat(200_000);
    await Deno.writeTextFile(`${folder}/long.jsonl`, `${JSON.stringify({ context })}\n${JSON.stringify({ context })}`);
    assert.deepEqual((await allRows(`${folder}/long.jsonl`)).map((row) => row.text("context")), [context, context]);
  });
});

Deno.test("CSV fields may hold commas, quotes and line breaks, and records say the line they begin in", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/a.csv`, '\ufeffa,b\r\n"x, ""y""\nz",1\n\n,"2"\n');
    const rows = await allRows(`${folder}/a.csv`);
    assert.deepEqual(rows.map((row) => [row.place, row.text("a"), row.integer("b")]), [
      ["line 2", 'x, "y"\nz', 1],
      ["line 5", "", 2],
    ]);
    await Deno.writeTextFile(`${folder}/b.csv`, "a,b\n1,2\n1\n");
    await refused(folder, "b.csv", "line 3: must have 2 fields, as the first line: found 1");
    await Deno.writeTextFile(`${folder}/c.csv`, 'a,b\n1,"2\n');
    await refused(folder, "c.csv", 'line 2: must be CSV: found "\\"2\\n"');
  });
});

Deno.test("lists in CSV are those that Python and JSON write", () => {
  for (
    const [text, wanted] of [
      [`['a', "it's"]`, ["a", "it's"]],
      [`['a' 'b'\n 'c']`, ["a", "b", "c"]],
      [String.raw`["a \"b\"", "\u4f60\n"]`, ['a "b"', "\u4f60\n"]],
      ["[]", []],
      ["[1, 2]", null],
      ["['a'", null],
      ["['a'] and ['b']", null],
      ["a", null],
    ] as const
  ) assert.deepEqual(writtenList(text), wanted, text);
  const row = new Row("a.csv", "line 2", { answers: "['x']", other: "x" });
  assert.deepEqual(row.texts("answers"), ["x"]);
  assert.throws(() => row.texts("other"), /"other" must be a list of texts: found "x"$/);
});

Deno.test("only the columns that are asked for are read", async () => {
  const rows = await Array.fromAsync(parquetRows(`${FIXTURES}/zstd.parquet`, ["length", "no such"]));
  assert.deepEqual(rows.map(({ values }) => Object.keys(values)), [["length"], ["length"], ["length"]]);
});

async function refused(folder: string, name: string, problem: string, use: (row: Row) => void = () => {}) {
  const run = async () => {
    for await (const row of rowsOf(`${folder}/${name}`)) use(row);
  };
  await assert.rejects(run, (error: Error) => {
    assert(error instanceof UsageError);
    const text = error.message.replace(`${folder}/`, "");
    assert(text.startsWith(`Cannot use ${name}`), text);
    assert.equal(text.slice(`Cannot use ${name}`.length).replace(/^(, |: )/, ""), problem);
    assert(!error.message.includes("\n"));
    return true;
  });
}

Deno.test("a bad file is refused with its name, the line or row, and the field", async () => {
  await inFolder(async (folder) => {
    const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
    await write("a.jsonl", '{"a": "x"}\n\n{"a": 7}\n');
    await refused(folder, "a.jsonl", 'line 3: "a" must be a text: found 7', (row) => row.text("a"));
    await refused(folder, "a.jsonl", 'line 1: "b" is missing', (row) => row.texts("b"));
    await refused(folder, "a.jsonl", 'line 1: "a" must be a whole number: found "x"', (row) => row.integer("a"));
    await refused(folder, "a.jsonl", 'line 1: "a" must be a list of objects: found "x"', (row) => row.rows("a"));
    await write("deep.jsonl", '{"turns": [{"input": "q"}, {"input": null}]}');
    const inputs = (row: Row) => row.rows("turns").map((turn) => turn.text("input"));
    await refused(folder, "deep.jsonl", 'line 1, turns[1]: "input" is missing', inputs);
    await write("list.jsonl", '{"a": ["x", {}]}');
    await refused(folder, "list.jsonl", 'line 1: "a" must be a list of texts: found ["x",{}]', (row) => row.texts("a"));
    await write("array.jsonl", "[1]");
    await refused(folder, "array.jsonl", "line 1: must be an object: found [1]");
    await write("data.json", '{"rows": []}');
    await refused(folder, "data.json", 'its outermost value: "data" is missing');
    await write("a.txt", "x");
    await refused(folder, "a.txt", "its name must end in one of .jsonl, .json, .csv, .parquet, .arrow");
    await refused(folder, "none.jsonl", "No such file or directory");
    await Deno.mkdir(`${folder}/saved`);
    await write("saved/state.json", '{"_data_files": [{"filename": "data-0.arrow"}]}');
    await refused(folder, "saved", "/data-0.arrow: No such file or directory");
    await Deno.mkdir(`${folder}/empty`);
    await refused(folder, "empty", "must be a folder of save_to_disk: state.json is missing");
    await write("bad.jsonl", '{"a": 1}\n{"a": 2, \u001b]0;x}');
    await assert.rejects(
      () => allRows(`${folder}/bad.jsonl`),
      /^UsageError: Cannot use .*bad\.jsonl, line 2: must be JSON: \P{Cc}*$/u,
    );
    await assert.rejects(() => allRows(`${folder}/none.jsonl`), /none\.jsonl: No such file or directory/);
    await write("nothing.jsonl", "\n");
    await assert.rejects(() => allRows(`${folder}/nothing.jsonl`), /must have at least one record: found none/);
  });
});

Deno.test("a parquet or Arrow file that was cut off anywhere is refused, never read as less", async () => {
  await inFolder(async (folder) => {
    for (
      const [source, name] of [["zstd.parquet", "a.parquet"], ["saved/data-00000-of-00002.arrow", "a.arrow"]] as const
    ) {
      const whole = await Deno.readFile(`${FIXTURES}/${source}`);
      for (const share of [0, 0.1, 0.4, 0.7, 0.95, 0.999]) {
        await Deno.writeFile(`${folder}/${name}`, whole.subarray(0, Math.floor(whole.length * share)));
        await assert.rejects(() => allRows(`${folder}/${name}`), (error: Error) => {
          assert(error instanceof UsageError, `${name} ${share}: ${error.stack}`);
          assert.match(error.message, /must be a whole (parquet|Arrow) file|must have at least one record/);
          return true;
        });
      }
    }
  });
});
