/** Everything that results depend on, field by field. */
import { fieldValues, flatFields } from "../fields.ts";
import type { Study } from "../study.ts";
import { type Html, markup } from "./html.ts";
import { table } from "./table.ts";

export function configuration({ cells, manifests, paths }: Study): Html {
  const fields = [...fieldValues(cells.map(({ config }) => config))];
  const columns = [{ head: "field" }, { head: "values" }];
  const rows = fields.map(([name, values]) => [{ show: name }, { show: list(values) }]);
  const runs = manifests.map((manifest, i) => {
    const { rocketkv, createdAt, grid, machine } = manifest;
    const facts = flatFields({ rocketkv, createdAt, machine, grid });
    const label = `Run ${paths[i]}`;
    return markup`<details><summary>${label}</summary>${
      table(
        label,
        [{ head: "field" }, { head: "value" }],
        [...facts].map(([name, value]) => [{ show: name }, { show: value }]),
      )
    }</details>`;
  });
  return markup`<p class="soft small">Fields of the cells' configurations, with every value that they have here.</p>
${table("Configuration of the cells", columns, rows)}${runs}`;
}

/** Hashes of data are long and many. */
function list(values: readonly string[]): string {
  const shown = values.slice(0, MOST).join(", ");
  return values.length > MOST ? `${shown} and ${values.length - MOST} more` : shown;
}

const MOST = 24;
