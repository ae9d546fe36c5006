/** Charts inside a page: they take its fonts and follow its colours, light or dark. */
import { INK, SERIES } from "../charts/theme.ts";
import { type Html, markup, trusted } from "./html.ts";

/** CSS variable of every colour of a chart; `style.ts` gives them their values. */
export const CHART_COLOURS: Readonly<Record<string, string>> = {
  [INK.text]: "--chart-text",
  [INK.soft]: "--chart-soft",
  [INK.line]: "--chart-line",
  [INK.grid]: "--chart-grid",
  ...Object.fromEntries(SERIES.map((colour, i) => [colour, `--series-${i}`])),
};

/**
 * @param svg   As it was rendered for its file.
 * @param id    Unique in the page: parts that a picture refers to are named after it.
 * @param name  What the picture shows, for readers who cannot see it.
 */
export function inlineSvg(svg: string, id: string, name: string): { readonly picture: Html; readonly width: number } {
  const drawing = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
  const [, width, height] = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(svg)!;
  const own = drawing
    .replaceAll(/ font-family="[^"]*"/g, "")
    .replaceAll(/<rect width="[\d.]+" height="[\d.]+" fill="white"\/?>(?:<\/rect>)?/g, "") // the file's background
    .replaceAll(/\b(id="|url\(#)((?:clip|gradient)_?\w*)/g, `$1${id}-$2`)
    .replaceAll(/"(#[0-9a-f]{6})"/g, (text, colour: string) => {
      const variable = CHART_COLOURS[colour];
      return variable === undefined ? text : `"var(${variable})"`;
    });
  const label = markup`role="img" aria-label="${name}"`;
  const size = markup`viewBox="0 0 ${width!} ${height!}" width="${width!}" height="${height!}"`;
  return {
    picture: markup`<svg class="chart" ${label} ${size}>${trusted(own)}</svg>`,
    width: Math.ceil(Number(width)),
  };
}
