/** The page of a study, from the verdicts down to single samples. */
import { formatCount, plural } from "../../format.ts";
import { lengthsOf } from "../aggregates.ts";
import { type Board, boardNames } from "../boards.ts";
import type { Chart } from "../charts/theme.ts";
import { fileName } from "../identity.ts";
import { CHART_ENDINGS } from "../report_folder.ts";
import type { Study } from "../study.ts";
import { type Verdict, verdictOf } from "../verdicts.ts";
import { isPartial, warningsOf } from "../warnings.ts";
import { worstSamples } from "../worst.ts";
import { configuration } from "./configuration.ts";
import { PARTIAL } from "./fields.ts";
import { type Html, markup } from "./html.ts";
import { page } from "./page.ts";
import { sampleCard } from "./samples.ts";
import { inlineSvg } from "./svg.ts";
import { aggregatesTable, armsTable, duelsTable, tasksTable } from "./tables.ts";

/** A chart as it was drawn, with the address of its files without their endings, relative to the page. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly svg: string;
  readonly href: string;
}

export interface Section {
  readonly board: Board;
  readonly charts: readonly DrawnChart[];
}

/** @param files  Addresses of tables, relative to the page. */
export async function reportPage(
  study: Study,
  sections: readonly Section[],
  files: readonly string[],
): Promise<string> {
  const models = [...new Set(study.cells.map(({ config }) => fileName(config.model)))];
  const title = `${models.join(", ")}: compressed KV caches`;
  const names = boardNames(sections.map(({ board }) => board));
  const verdicts = new Map(sections.map(({ board }) => [board, verdictOf(board)]));
  const partial = isPartial(study) && PARTIAL;
  return await page(
    title,
    markup`<header><h1>${title}${partial}</h1>
${facts(study)}
<nav class="screen" aria-label="Sections">${
      sections.map((_, i) => markup`<a href="#board-${i}">${names[i]!}</a>`)
    }<a href="#configuration">Configuration</a><a href="#files">Files</a></nav></header>
<main>
${sections.map(({ board }, i) => verdictCard(names[i]!, verdicts.get(board)!))}
${warnings(study)}
${sections.map((section, i) => boardSection(section, i, names[i]!, verdicts.get(section.board)!))}
<h2 id="configuration">Configuration</h2>
${configuration(study)}
<h2 id="files">Files</h2>
<p>${files.map((file, i) => [i > 0 && " · ", markup`<a href="${file}">${file}</a>`])}</p>
</main>
<footer>${notes()}</footer>`,
  );
}

function facts({ cells, manifests }: Study): Html {
  const distinct = (of: (cell: typeof cells[number]) => string | null) =>
    [...new Set(cells.map(of))].filter((one) => one !== null).join(", ");
  const answers = cells.reduce((sum, { observations }) => sum + observations.size, 0);
  const rows: (readonly [string, string])[] = [
    ["methods", distinct(({ arm }) => arm.series)],
    ["budgets", distinct(({ arm }) => arm.budget)],
    ["tasks", distinct(({ config }) => config.task.name)],
    ["lengths", lengthsOf(cells).filter((length) => length !== null).join(", ")],
    ["compressed", distinct(({ config }) => config.moment)],
    ["answers", `${formatCount(answers)} in ${plural(cells.length, "cell")}`],
    [
      "run",
      [...new Set(manifests.map(({ createdAt, rocketkv }) => `${createdAt.slice(0, 10)}, rocketkv ${rocketkv}`))].join(
        "; ",
      ),
    ],
  ];
  return markup`<dl class="facts">${
    rows.filter(([, value]) => value !== "").map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)
  }</dl>`;
}

function verdictCard(name: string, verdict: Verdict | null): Html | null {
  if (verdict === null) return null;
  const { headline, rivals, arm } = verdict;
  return markup`<section class="verdict ${headline.tone}"><p class="where">${name}${
    !arm.complete && PARTIAL
  }</p><p>${headline.text}</p>${
    rivals.length > 0 && markup`<ul>${rivals.map(({ tone, text }) => markup`<li class="${tone}">${text}</li>`)}</ul>`
  }</section>`;
}

function warnings(study: Study): Html | null {
  const all = warningsOf(study);
  return all.length === 0
    ? null
    : markup`<ul class="warnings" aria-label="Warnings">${all.map((text) => markup`<li>${text}</li>`)}</ul>`;
}

function boardSection({ board, charts }: Section, i: number, name: string, verdict: Verdict | null): Html {
  const worst = worstSamples(board, verdict?.arm ?? null);
  const pictures = charts.map((drawn, k) => figure(drawn, `c${i}-${k}`));
  return markup`<section><h2 id="board-${i}">${name}</h2>
<p class="soft small">${board.frame.conditions}</p>
${armsTable(board)}
<div class="figures">${pictures}</div>
${part("Scores by task", TASKS_ABOUT, tasksTable(board))}
${part("Averages", null, aggregatesTable(board))}
${part("Other methods at equal bytes", DUELS_ABOUT, duelsTable(board))}
${part("Worst samples", WORST_ABOUT, worst.length > 0 && markup`<div class="samples">${worst.map(sampleCard)}</div>`)}
</section>`;
}

const TASKS_ABOUT = "Coloured where the paired difference from the full cache is no chance (p < 0.05).";
const DUELS_ABOUT =
  "The other method’s curve over its budgets, read off sample by sample where a decode step reads as many bytes.";
const WORST_ABOUT =
  "Where the arm did worse than the full cache: the largest losses, of different tasks and contexts first.";

function part(title: string, about: string | null, content: Html | null | false): Html | null {
  if (!content) return null;
  return markup`<h3>${title}</h3>${about !== null && markup`<p class="soft small">${about}</p>`}${content}`;
}

function figure({ chart, svg, href }: DrawnChart, id: string): Html {
  const links = CHART_ENDINGS.map((ending) => markup`<a href="${href}.${ending}">${ending.toUpperCase()}</a>`);
  const { picture, width } = inlineSvg(svg, id, chart.title);
  return markup`<figure style="--width: ${width}px"><figcaption><b>${chart.title}</b>${chart.caption} <span class="links screen">${links}</span></figcaption>
<div class="frame">${picture}</div></figure>`;
}

function notes(): Html {
  return markup`<p>Scores are in points: 100 is all right. Intervals cover 95 %: Wilson’s for right and wrong, otherwise the
percentile bootstrap of 10,000 draws; samples that share a context are drawn together. [?]: not known, because there are too
few contexts, or because all of them agree. Differences are paired, sample by sample;
p is McNemar’s exact test where samples are independent and right or wrong, otherwise the sign-flip test. Compression is measured,
scoring included, and not what was asked for. PARTIAL: some of what was asked for is missing, and averages are over the rest.</p>`;
}
