/** Single samples: what was asked, what both answered, and which layers had lost the evidence. */
import { placeOf } from "../aggregates.ts";
import type { Observation } from "../study.ts";
import { inPoints } from "../verdicts.ts";
import type { WorstSample } from "../worst.ts";
import { type Content, type Html, markup } from "./html.ts";

export function sampleCard({ cell, full, own }: WorstSample): Html {
  const { prediction } = own;
  const where = [
    placeOf(cell),
    `sample ${prediction.sample}`,
    ...(prediction.turn > 0 ? [`turn ${prediction.turn + 1}`] : []),
    ...(prediction.depth === null ? [] : [`depth ${prediction.depth} %`]),
  ];
  const kept = prediction.cache?.goldKept ?? [];
  const facts: (readonly [string, Content])[] = [
    ["end of prompt", markup`<div class="tail"><pre>${prediction.promptTail}</pre></div>`],
    ["expected", markup`<pre>${prediction.scoring.references.join("\n")}</pre>`],
    [`full cache, ${inPoints(full.score)}`, answer(full)],
    [`${cell.arm.label}, ${inPoints(own.score)}`, answer(own)],
    ...(kept.length === 0 ? [] : [["evidence kept", strip(kept)] as const]),
  ];
  return markup`<article class="sample"><h4>${cell.arm.label} <span class="soft">· ${where.join(" · ")}</span></h4>
<dl>${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl></article>`;
}

function answer({ prediction }: Observation): Html {
  const { answer, finish } = prediction;
  const text = answer.length > LONGEST ? `${answer.slice(0, LONGEST)} …` : answer;
  return markup`<pre>${text.trim() === "" ? "(blank)" : text}</pre>${
    finish === "length" && markup`<span class="soft small">ran out of tokens</span>`
  }`;
}

/** Letters of an answer that are shown. */
const LONGEST = 600;

/** One box per layer, the darker the more of the evidence it kept. */
function strip(kept: readonly number[]): Html {
  const percent = kept.map((share) => Math.round(share * 100));
  const lost = percent.flatMap((share, layer) => share < 50 ? [layer] : []);
  const words = lost.length === 0
    ? "every layer kept half of it or more"
    : lost.length === kept.length
    ? "less than half in every layer"
    : `less than half in ${lost.length === 1 ? "layer" : "layers"} ${lost.join(", ")}`;
  return markup`<div class="strip" role="img" aria-label="${`percent by layer: ${percent.join(", ")}`}">${
    percent.map((share, layer) =>
      markup`<i style="--kept: ${share / 100}" title="${`layer ${layer}: ${share} %`}"></i>`
    )
  }</div><span class="soft small">${words}</span>`;
}
