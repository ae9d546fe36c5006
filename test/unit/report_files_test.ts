import assert from "node:assert/strict";
import { boardsOf } from "../../lib/report/boards.ts";
import { chartsOf } from "../../lib/report/charts/all.ts";
import { csvOf, jsonLinesOf } from "../../lib/report/tables/csv.ts";
import { markup, trusted } from "../../lib/report/html/html.ts";
import { inlineSvg } from "../../lib/report/html/svg.ts";
import { latexTable, latexText } from "../../lib/report/tables/latex.ts";
import { studyOf } from "../../lib/report/study.ts";
import { writeReport } from "../../lib/report/write.ts";
import { ARMS, runOf } from "../support/run_data.ts";

function temporaryFolder(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

const read = (path: string) => Deno.readTextFileSync(path);

Deno.test("a second report leaves nothing of the first that it does not have, and all that is not a report's", async () => {
  using folder = temporaryFolder();
  const request = { out: folder.path, html: true, markdown: false, latex: true };
  const list = (part: string) => [...Deno.readDirSync(`${folder.path}/${part}`)].map(({ name }) => name).sort();
  const first = await writeReport([runOf({ lengths: [2048, 4096], samples: 8 })], request);
  assert(first.files.includes("plots/ruler_score_by_length.png") && first.files.includes("tables/pairs.csv"));
  Deno.writeTextFileSync(`${folder.path}/plots/mine.svg`, "mine");
  Deno.writeTextFileSync(`${folder.path}/tables/niah_cells.csv`, "of another command");
  Deno.removeSync(`${folder.path}/plots/ruler_score_by_length.svg`); // somebody tidied up
  const second = await writeReport([runOf({ samples: 8, arms: ARMS.slice(0, 2) })], {
    ...request,
    html: false,
    latex: false,
  });
  const names = (part: string) =>
    second.files.filter((file) => file.startsWith(part)).map((file) => file.slice(part.length));
  assert.deepEqual(list("plots"), [...names("plots/"), "mine.svg"].sort());
  assert.deepEqual(list("tables"), [...names("tables/"), "niah_cells.csv", "summary.tex"].sort());
  assert(!second.files.some((file) => file.includes("by_length") || file.includes("pairs")));
  assert(list(".").includes("report.html"));
});

Deno.test("csvOf() quotes what needs it, and leaves missing values empty", () => {
  const rows = [{ armName: 'a "b", c', score: 1 / 3, budget: null }, { armName: "x\ny", score: 2, budget: false }];
  assert.equal(csvOf(rows), 'arm_name,score,budget\n"a ""b"", c",0.333333333,\n"x\ny",2,false\n');
  assert.equal(jsonLinesOf(rows.slice(0, 1)), '{"armName":"a \\"b\\", c","score":0.333333333,"budget":null}\n');
});

Deno.test("markup`` escapes text, keeps markup, and drops nothing but null and false", () => {
  const text = `<img src=x onerror="1">&'\0`;
  assert.equal(
    markup`<p title="${text}">${[markup`<b>${0}</b>`, null, false, ""]}</p>`.text,
    '<p title="&lt;img src=x onerror=&quot;1&quot;&gt;&amp;&#39;\u{fffd}"><b>0</b></p>',
  );
  assert.equal(markup`${trusted("<i>")}`.text, "<i>");
});

Deno.test("latexTable() is a booktabs table whose special letters are printed", () => {
  assert.equal(
    latexText("a_b & 5% of $x ~ {y}^2\\"),
    "a\\_b \\& 5\\% of \\$x \\textasciitilde{} \\{y\\}\\textasciicircum{}2\\textbackslash{}",
  );
  const table = latexTable("All & more", ["method", "n"], [["snap_kv", "12"], ["full", "-"]]);
  assert(table.includes("\\caption{All \\& more}"));
  assert(
    table.includes("\\begin{tabular}{lr}\n    \\toprule\n    method & n \\\\\n    \\midrule\n    snap\\_kv & 12 \\\\"),
  );
});

Deno.test("inlineSvg() leaves a chart no colour that does not follow the theme, and no id that another could have", () => {
  const svg = '<svg xmlns="x" width="20" height="10"><rect width="20" height="10" fill="white"/>' +
    '<linearGradient id="gradient_0"/><path fill="url(#gradient_0)" stroke="#0072b2"/><text font-family="Arial" fill="#1c2430">a</text></svg>';
  const { picture, width } = inlineSvg(svg, "c1", 'a "b"');
  assert.equal(width, 20);
  assert.equal(
    picture.text,
    '<svg class="chart" role="img" aria-label="a &quot;b&quot;" viewBox="0 0 20 10" width="20" height="10">' +
      '<linearGradient id="c1-gradient_0"/><path fill="url(#c1-gradient_0)" stroke="var(--series-0)"/>' +
      '<text fill="var(--chart-text)">a</text></svg>',
  );
});

Deno.test("every chart is drawn where there is something to draw, and only there", () => {
  const names = (run: ReturnType<typeof runOf>) => chartsOf(boardsOf(studyOf([run]))[0]!).map(({ name }) => name);
  const always = [
    "score_by_compression",
    "delta_by_task",
    "score_by_cost",
    "evidence_kept",
    "kept_tokens",
    "time_by_stage",
  ];
  assert.deepEqual(names(runOf()).toSorted(), always.toSorted());
  const more = (run: ReturnType<typeof runOf>) => names(run).filter((name) => !always.includes(name));
  assert.deepEqual(more(runOf({ lengths: [2048, 4096] })), ["score_by_length"]);
  assert.deepEqual(more(runOf({ turns: 2 })), ["score_by_turn"]);
  assert.deepEqual(more(runOf({ tasks: ["niah"], depths: [0, 50, 100], samples: 3 })), [
    "needles",
    "needles_difference",
  ]);
  const fidelity = runOf({ tasks: ["fidelity"] });
  const cells = fidelity.cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((one) => ({
      ...one,
      scores: { ...one.scores!, kl: 0.1, top1: 0.9, noiseKl: 1e-4 },
    })),
  }));
  assert.deepEqual(more({ ...fidelity, cells }), ["fidelity_by_compression"]);
  const stepwise = cells.map((cell) => ({
    ...cell,
    predictions: cell.predictions.map((one, i) => ({
      ...one,
      scoring: { ...one.scoring, details: { klSteps: i === 0 ? [0, 0.5, 9] : [0.2, 0.5] } },
      cache: { ...one.cache!, ...(cell.config.method === "snapkv" && { keptByLayer: [300, 200, 100, i] }) },
    })),
  }));
  const withSteps = { ...fidelity, cells: stepwise };
  assert.deepEqual(more(withSteps), ["fidelity_by_compression", "fidelity_by_step", "kept_by_layer"]);
  const charts = chartsOf(boardsOf(studyOf([withSteps]))[0]!);
  const rows = (name: string) => charts.find((chart) => chart.name === name)!.rows;
  const steps = rows("fidelity_by_step").filter(({ arm }) => arm === "rocketkv 128");
  assert.deepEqual(steps.map(({ step, kl }) => [step, Math.round(1000 * Number(kl))]), [[1, 196], [2, 500]]);
  const layers = rows("kept_by_layer").filter(({ arm }) => arm === "snapkv 256");
  assert.deepEqual(layers.map(({ kept }) => kept), [300, 200, 100, 24.5]);
  assert(rows("kept_by_layer").every(({ arm }) => String(arm).startsWith("snapkv")));
  const unseen = runOf().cells.map((cell) => ({
    ...cell,
    timings: [],
    predictions: cell.predictions.map((one) => ({ ...one, cache: null })),
  }));
  assert.deepEqual(names({ ...runOf(), cells: unseen }), ["delta_by_task"], "behind an endpoint");
});

Deno.test("writeReport() writes tables, plots and a page that asks for nothing", async () => {
  using folder = temporaryFolder();
  const run = runOf({ lengths: [2048, 4096], turns: 2, done: 45 });
  const { files } = await writeReport([run], { out: folder.path, html: true, markdown: true, latex: true });
  for (const file of files) assert(Deno.statSync(`${folder.path}/${file}`).size > 0, file);
  for (const table of ["cells", "tasks", "summary", "pairs"]) {
    const rows = read(`${folder.path}/tables/${table}.csv`).trimEnd().split("\n");
    assert.equal(rows.length - 1, read(`${folder.path}/tables/${table}.jsonl`).trimEnd().split("\n").length, table);
  }
  assert.match(
    read(`${folder.path}/tables/summary.md`),
    /PARTIAL: samples are missing[^]*\| snapkv \| 256 \| 16\.0x \|/,
  );
  assert.match(read(`${folder.path}/tables/summary.tex`), /\\bottomrule/);
  const page = read(`${folder.path}/report.html`);
  assert(!/(?:src|href)="(?!tables\/|plots\/|#|data:,)/.test(page), "an address outside of the folder");
  assert(page.includes("default-src &#39;none&#39;") || page.includes("default-src 'none'"));
  assert(page.includes("PARTIAL"));
  assert(page.includes("I think it is &lt;script&gt;") && !page.includes("<script>3"), "answers are escaped");
  assert(page.includes("... and so on &lt;b&gt;&amp;amp;&lt;/b&gt;."));
  for (const [, href] of page.matchAll(/href="((?:tables|plots)\/[^"]+)"/g)) Deno.statSync(`${folder.path}/${href}`);
});

Deno.test("writeReport() gives the same bytes again, and a page of moderate size for thousands of answers", async () => {
  using folder = temporaryFolder();
  const tasks = ["a", "b", "c", "d"].map((name) => `ruler/${name}`);
  const run = runOf({ tasks, samples: 150, arms: ARMS });
  const request = { out: folder.path, html: true, markdown: false, latex: false };
  const start = performance.now();
  const { files } = await writeReport([run], request);
  const seconds = (performance.now() - start) / 1000;
  assert(seconds < 30, `${seconds} s for ${run.cells.length * 150} answers`);
  const page = read(`${folder.path}/report.html`);
  assert(page.length < 1e6, `${page.length}`);
  const tables = files.filter((file) => file.startsWith("tables/")),
    before = tables.map((file) => read(`${folder.path}/${file}`));
  await writeReport([run], request);
  assert.deepEqual(tables.map((file) => read(`${folder.path}/${file}`)), before);
});

Deno.test("writeReport() says in one line that a folder cannot be written", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  const request = { out: `${folder.path}/file`, html: true, markdown: false, latex: false };
  await assert.rejects(writeReport([runOf()], request), { name: "RunError", message: /^Cannot write .*file/ });
});
