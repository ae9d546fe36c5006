/** Charts without a browser: a Vega-Lite specification becomes SVG, and SVG becomes PNG. */
import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** Fonts that are found on most machines; the reader's own sans-serif otherwise. */
const FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif";

/** @throws {Error} for a specification that Vega-Lite refuses: a defect of the caller. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const { spec: compiled } = compile({ background: "white", ...spec, config: { font: FONT, ...spec.config } });
  const view = new vega.View(vega.parse(compiled), { renderer: "none", logLevel: vega.Error });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** @param scale  Pixels per unit of the SVG: 2 is sharp on paper and dense screens. */
export async function renderPng(svg: string, scale = 2): Promise<Uint8Array> {
  // A native module, which asks for more permissions than all else does: only loaded when a PNG is wanted.
  const { Resvg } = await import("@resvg/resvg-js");
  return new Resvg(svg, { fitTo: { mode: "zoom", value: scale } }).render().asPng();
}
