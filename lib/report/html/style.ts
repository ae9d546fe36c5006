/** The look of a report: one column of text, wide tables that scroll in themselves, light, dark and paper. */
import { CHART_COLOURS } from "./svg.ts";

const LIGHT = `
  --page: #ffffff; --panel: #f6f8fa; --text: #1c2430; --soft: #5a6675; --line: #d9dfe5; --link: #0b62a8;
  --good: #0a7a4b; --good-page: #e7f5ee; --bad: #b3420a; --bad-page: #fcefe6; --open: #4d5a68; --open-page: #eef1f4;
  ${variables((colour) => colour)}`;

const DARK = `
  --page: #12161c; --panel: #1a2028; --text: #e4e9ef; --soft: #9aa7b5; --line: #303945; --link: #74b9f2;
  --good: #5fd0a0; --good-page: #10291f; --bad: #f2a36e; --bad-page: #33200f; --open: #aab6c3; --open-page: #222a33;
  --chart-text: #e4e9ef; --chart-soft: #9aa7b5; --chart-line: #465260; --chart-grid: #252d37;
  --series-0: #5aaee6; --series-1: #f28e4b; --series-2: #35c596; --series-3: #dd8bbd; --series-4: #d3a24a; --series-5: #86cdf5;
  --series-6: #a899e0; --series-7: #a5adb6;`;

function variables(value: (colour: string) => string): string {
  return Object.entries(CHART_COLOURS).map(([colour, name]) => `${name}: ${value(colour)};`).join(" ");
}

export const STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; font-kerning: normal; }
main, header, footer { max-width: 1128px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 44px; }
h1 { font-size: 30px; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 6px; font-weight: 650; text-wrap: balance; }
h2 { font-size: 21px; line-height: 1.3; letter-spacing: -0.01em; margin: 56px 0 4px; font-weight: 650; }
h3 { font-size: 16px; margin: 34px 0 6px; font-weight: 650; }
p { margin: 6px 0 12px; max-width: 72ch; }
a { color: var(--link); text-underline-offset: 2px; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.soft { color: var(--soft); }
.small { font-size: 14px; }
.badge { display: inline-block; font-size: 0.78em; font-weight: 650; letter-spacing: 0.04em; line-height: 1; padding: 0.3em 0.55em;
  border-radius: 4px; background: var(--bad-page); color: var(--bad); border: 1px solid currentColor; vertical-align: 0.15em; }
h1 .badge { font-size: 0.45em; vertical-align: 0.35em; margin-left: 8px; }
nav { margin: 22px 0 0; padding: 10px 0; border-block: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 14px; }
nav a { text-decoration: none; } nav a:hover { text-decoration: underline; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 18px; margin: 18px 0 0; font-size: 14.5px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.verdict { margin: 18px 0 26px; padding: 18px 20px 16px; border: 1px solid var(--line); border-left: 5px solid var(--open);
  border-radius: 8px; background: var(--panel); break-inside: avoid; }
.verdict.good { border-left-color: var(--good); } .verdict.bad { border-left-color: var(--bad); }
.verdict > p { font-size: 18.5px; line-height: 1.45; margin: 0; font-weight: 550; text-wrap: pretty; }
.verdict .where { font-size: 13px; font-weight: 400; color: var(--soft); margin: 0 0 4px; }
.verdict ul { list-style: none; margin: 12px 0 0; padding: 0; display: grid; gap: 5px; font-size: 15px; }
.verdict li { display: grid; grid-template-columns: 16px 1fr; gap: 8px; }
.verdict li::before { content: "·"; font-weight: 700; text-align: center; color: var(--open); }
.verdict li.bad::before { content: "▼"; color: var(--bad); font-size: 11px; line-height: 2.1; }
.verdict li.good::before { content: "▲"; color: var(--good); font-size: 11px; line-height: 2.1; }
.warnings { margin: 18px 0; padding: 12px 20px 12px 36px; border: 1px solid var(--line); border-radius: 8px; font-size: 14.5px; }
.warnings li { margin: 4px 0; max-width: 84ch; } .warnings li::marker { content: "!  "; color: var(--bad); font-weight: 700; }
.figures { display: flex; flex-wrap: wrap; gap: 0 44px; margin-top: 6px; }
figure { margin: 26px 0 8px; width: min(100%, max(var(--width), 460px)); break-inside: avoid; }
figure > .frame { overflow-x: auto; }
figcaption { font-size: 14px; color: var(--soft); max-width: 78ch; margin: 2px 0 10px; }
figcaption b { display: block; color: var(--text); font-size: 16px; font-weight: 650; }
.links { white-space: nowrap; } .links a { margin-left: 5px; }
svg.chart { display: block; max-width: 100%; height: auto; font-family: inherit; }
.table { overflow-x: auto; margin: 10px 0 18px; border: 1px solid var(--line); border-radius: 8px; max-height: 78vh; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line); vertical-align: baseline; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { position: sticky; top: 0; z-index: 2; background: var(--panel); font-weight: 600; padding: 0; }
thead button { all: unset; display: block; box-sizing: border-box; width: 100%; padding: 8px 10px; cursor: pointer; font-size: 13px; }
thead button:focus-visible { outline: 2px solid var(--link); outline-offset: -2px; }
thead button::after { content: "↕"; opacity: 0.28; margin-left: 5px; font-weight: 400; }
th[aria-sort=ascending] button::after { content: "↑"; opacity: 1; } th[aria-sort=descending] button::after { content: "↓"; opacity: 1; }
.n { text-align: right; } .n button { text-align: right; }
tbody th { position: sticky; left: 0; z-index: 1; background: var(--page); font-weight: 550; border-right: 1px solid var(--line); }
thead th:first-child { left: 0; z-index: 3; border-right: 1px solid var(--line); }
tbody tr:hover > * { background: var(--panel); }
.ci { color: var(--soft); font-size: 0.9em; font-weight: 400; }
td.sure-bad { color: var(--bad); font-weight: 600; } td.sure-good { color: var(--good); font-weight: 600; }
details { margin: 12px 0; } summary { cursor: pointer; font-weight: 550; padding: 4px 0; } summary:hover { color: var(--link); }
.samples { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 470px), 1fr)); gap: 14px; align-items: start; }
.sample { border: 1px solid var(--line); border-radius: 8px; padding: 14px 18px; min-width: 0; break-inside: avoid; }
.sample h4 { margin: 0 0 8px; font-size: 14px; font-weight: 600; }
.sample dl { display: grid; grid-template-columns: 128px minmax(0, 1fr); gap: 6px 14px; margin: 0; font-size: 14px; }
.sample dt { color: var(--soft); } .sample dd { margin: 0; min-width: 0; }
pre { margin: 0; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.tail { color: var(--soft); max-height: 6.4em; overflow-y: auto; display: flex; flex-direction: column-reverse; } /* its end first */
.strip { display: flex; height: 16px; max-width: 420px; border: 1px solid var(--line); border-radius: 3px; overflow: hidden; gap: 1px; }
.strip i { flex: 1; background: color-mix(in srgb, var(--series-0) calc(var(--kept) * 100%), var(--page)); }
footer { margin-top: 64px; padding-bottom: 48px; color: var(--soft); font-size: 13.5px; }
@media (max-width: 640px) {
  body { font-size: 15px; } main, header, footer { padding-inline: 16px; } header { padding-top: 28px; } h1 { font-size: 24px; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 8px; } .verdict > p { font-size: 16.5px; }
  .verdict { padding: 14px 14px 12px; } .sample dl { grid-template-columns: 1fr; gap: 2px; } .sample dd { margin-bottom: 8px; }
  .sample { padding: 12px 14px; } svg.chart { max-width: none; } tbody th { white-space: normal; min-width: 8em; }
}
@media print {
  :root { ${LIGHT} } @page { margin: 16mm 14mm; }
  body { font-size: 10.5pt; } main, header, footer { max-width: none; padding: 0; } nav, .screen { display: none; }
  h2, h3 { break-after: avoid; } .table { overflow: visible; max-height: none; border: 0; } table { font-size: 8.5pt; }
  th, td { padding: 3px 6px; } thead th, tbody th { position: static; } thead button { padding: 3px 6px; font-size: 8.5pt; }
  thead button::after { content: none !important; } figure > .frame { overflow: visible; } a { color: inherit; text-decoration: none; }
  .strip i, .verdict { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .tail { max-height: none; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
`;
