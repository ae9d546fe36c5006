/** A report as a reader meets it: in a browser, light and dark, narrow and on paper. */
import assert from "node:assert/strict";
import { writeReport } from "../../lib/report/write.ts";
import { findChromium, Page } from "../support/chromium.ts";
import { runOf } from "../support/run_data.ts";

const chromium = await findChromium();
const reason = "reason" in chromium ? chromium.reason : null;
if (reason !== null) console.error(`report_browser_test.ts is ignored: ${reason}`);

/** A report with every kind of chart, and a page that shows it. */
async function openReport(): Promise<{ page: Page; charts: number } & AsyncDisposable> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  const needles = runOf({ tasks: ["niah"], lengths: [2048, 4096], samples: 3, depths: [0, 50, 100] });
  const { files } = await writeReport([runOf({ lengths: [2048, 4096], samples: 20, turns: 2, done: 18 }), needles], {
    out: folder,
    html: true,
    markdown: false,
    latex: false,
  });
  const page = await Page.open((chromium as { path: string }).path);
  const url = `file://${folder}/report.html`;
  await page.emulate({ width: 1200, height: 900 });
  await page.visit(url);
  return {
    page,
    charts: files.filter((file) => file.endsWith(".svg")).length,
    async [Symbol.asyncDispose]() {
      await page[Symbol.asyncDispose]();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

Deno.test({
  name: "a report opens in a browser: complete, sortable, light and dark, narrow and on paper",
  ignore: reason !== null,
}, async (t) => {
  await using report = await openReport();
  const { page, charts } = report;

  await t.step("it asks for nothing but itself, and complains about nothing", () => {
    assert.deepEqual(page.complaints, []);
    assert.equal(page.requests.filter((url) => !url.startsWith("data:")).length, 1, page.requests.join());
  });

  await t.step("every chart is drawn, at a size, with something in it", async () => {
    const boxes = await page.evaluate<{ width: number; height: number; marks: number; name: string }[]>(`
      [...document.querySelectorAll("svg.chart")].map((svg) => {
        const { width, height } = svg.getBoundingClientRect();
        return { width, height, marks: svg.querySelectorAll("path, text").length, name: svg.getAttribute("aria-label") };
      })`);
    assert.equal(boxes.length, charts);
    assert(charts > 12, `${charts}`);
    for (const { width, height, marks, name } of boxes) assert(width > 100 && height > 50 && marks > 10, name);
  });

  await t.step("a click on a heading sorts its table, the second one the other way round", async () => {
    const sort = (clicks: number) =>
      page.evaluate<{ sort: string; values: number[]; arms: string[] }>(`(() => {
        const table = document.querySelector("table"), heading = table.tHead.rows[0].cells[1];
        for (let i = 0; i < ${clicks}; i++) heading.querySelector("button").click();
        const rows = [...table.tBodies[0].rows];
        return {
          sort: heading.getAttribute("aria-sort"),
          values: rows.map((row) => Number(row.cells[1].dataset.v)),
          arms: rows.map((row) => row.cells[0].textContent),
        };
      })()`);
    const before = await sort(0), first = await sort(1), second = await sort(1);
    assert.deepEqual([before.sort, first.sort, second.sort], [null, "descending", "ascending"]);
    assert.deepEqual(first.values, before.values.toSorted((a, b) => b - a));
    assert.deepEqual(second.values, before.values.toSorted((a, b) => a - b));
    assert.notDeepEqual(second.arms, before.arms);
    assert.deepEqual(second.arms.toSorted(), before.arms.toSorted());
  });

  await t.step("dark readers get dark paper and light ink, in charts as well", async () => {
    const colours = () =>
      page.evaluate<string[]>(`[
        getComputedStyle(document.body).backgroundColor,
        getComputedStyle(document.body).color,
        getComputedStyle(document.querySelector("svg.chart text")).fill,
      ]`);
    const light = await colours();
    await page.emulate({ width: 1200, height: 900, scheme: "dark" });
    const dark = await colours();
    await page.emulate({ width: 1200, height: 900 });
    const brightness = (colour: string) =>
      colour.match(/\d+/g)!.slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
    assert(light.map(brightness).every((value, i) => i === 0 ? value > 240 : value < 130), light.join());
    assert(dark.map(brightness).every((value, i) => i === 0 ? value < 40 : value > 130), dark.join());
  });

  await t.step("on a screen of 400 pixels only tables and charts scroll, and first columns stay", async () => {
    await page.emulate({ width: 400, height: 800 });
    const { scroll, width, left } = await page.evaluate<{ scroll: number; width: number; left: number }>(`(() => {
      const region = document.querySelector(".table");
      region.scrollLeft = 200;
      const left = region.querySelector("tbody th").getBoundingClientRect().left - region.getBoundingClientRect().left;
      return { scroll: document.documentElement.scrollWidth, width: region.scrollWidth - region.clientWidth, left };
    })()`);
    assert.equal(scroll, 400);
    assert(width > 200, "the table is wider than the screen");
    assert(left >= 0 && left < 3, `${left}`);
    await page.emulate({ width: 1200, height: 900 });
  });

  await t.step("paper has no navigation, and whole tables", async () => {
    const shown = () =>
      page.evaluate<[string, string]>(`[
        getComputedStyle(document.querySelector("nav")).display,
        getComputedStyle(document.querySelector(".table")).overflowX,
      ]`);
    assert.deepEqual(await shown(), ["flex", "auto"]);
    await page.emulate({ width: 1200, height: 900, media: "print", scheme: "dark" });
    assert.deepEqual(await shown(), ["none", "visible"]);
    assert.equal(await page.evaluate("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    const pdf = new TextDecoder("latin1").decode(await page.pdf());
    assert(pdf.startsWith("%PDF-") && pdf.length > 20_000);
  });

  await t.step("nothing of that made it complain", () => assert.deepEqual(page.complaints, []));
});
