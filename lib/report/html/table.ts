/** Tables that sort, and whose first column stays in sight. */
import { type Content, type Html, markup } from "./html.ts";

export interface Column {
  readonly head: string;
  /** Figures stand at the right, and sort by their value, largest first. @default false */
  readonly numeric?: boolean;
  /** A sentence for those who stay on the heading. @default none */
  readonly about?: string;
}

/** What a cell shows, and for figures what it sorts by: null stays at the end. */
export interface Field {
  readonly show: Content;
  readonly value?: number | null;
  readonly tone?: "bad" | "good" | null;
}

/** @param label  What the table is, for readers who cannot see it. */
export function table(label: string, columns: readonly Column[], rows: readonly (readonly Field[])[]): Html {
  const head = columns.map(({ head, numeric = false, about }) => {
    const attributes = [numeric && markup` class="n"`, about !== undefined && markup` title="${about}"`];
    return markup`<th scope="col"${attributes}><button type="button">${head}</button></th>`;
  });
  const body = rows.map((fields) =>
    markup`<tr>${fields.map((field, i) => i === 0 ? rowHead(field) : cell(field, columns[i]!))}</tr>\n`
  );
  return markup`<div class="table" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>`;
}

function rowHead({ show }: Field): Html {
  return markup`<th scope="row">${show}</th>`;
}

function cell({ show, value, tone }: Field, { numeric = false }: Column): Html {
  if (!numeric) return markup`<td>${show}</td>`;
  return markup`<td class="${tone ? `n sure-${tone}` : "n"}" data-v="${value ?? ""}">${show}</td>`;
}
