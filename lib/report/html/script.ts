/** The only script of a report: a click on a heading sorts its table. Without it the report is complete, and in order. */
export const SCRIPT = `
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th"), body = heading.closest("table").tBodies[0], column = heading.cellIndex;
    const falling = heading.getAttribute("aria-sort") === (heading.classList.contains("n") ? null : "ascending");
    const value = (row) => {
      const { dataset, textContent } = row.cells[column];
      return dataset.v === undefined ? textContent : dataset.v === "" ? NaN : Number(dataset.v);
    };
    const compare = (a, b) => typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    const rows = [...body.rows].map((row) => ({ row, key: value(row) }));
    const there = rows.filter(({ key }) => !Number.isNaN(key)), missing = rows.filter(({ key }) => Number.isNaN(key));
    there.sort((a, b) => falling ? compare(b.key, a.key) : compare(a.key, b.key));
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    body.append(...[...there, ...missing].map(({ row }) => row));
  });
}
`;
