/** `--dry-run`: what a study will take, and how its prompts look. */
import { Engine } from "../../lib/engine/engine.ts";
import { BATCH } from "../../lib/engine/arms.ts";
import type { Expansion } from "../../lib/sweep/grid/expand.ts";
import { readManifest, readRun } from "../../lib/sweep/folder/folder.ts";
import { forecastUnits, type ShownPrompt, type UnitsForecast } from "../../lib/sweep/forecast.ts";
import { measuredSpeeds, probeSpeeds, type Speeds } from "../../lib/sweep/speeds.ts";
import { interruptSignal } from "../interrupt.ts";
import type { OpenModel, StudyModels } from "./models.ts";
import type { StudyFlags } from "./options.ts";
import { formatBytes, formatCount, formatDuration, formatPercent, plural } from "../ui/format.ts";
import { note, writeJson, writeLine } from "../ui/output.ts";
import { factTable } from "../ui/table.ts";

interface ModelForecast extends UnitsForecast {
  readonly model: string;
  readonly weightBytes: number | null;
  /** Null where nothing says how fast the model is. */
  readonly speeds: Speeds | null;
  readonly speedsFrom: string;
  readonly seconds: number | null;
}

/** Say what the whole study takes, finished work included. */
export async function dryRun(
  flags: StudyFlags,
  path: string,
  expansion: Expansion,
  models: StudyModels,
): Promise<void> {
  const forecasts: ModelForecast[] = [];
  for (const opened of models.all) forecasts.push(await forecastModel(flags, path, expansion, opened));
  const cells = expansion.cells.length;
  if (flags.json) return writeJson({ path, cells, models: forecasts });
  for (const { prompts } of forecasts) prompts.forEach(printPrompt);
  const facts = forecasts.map((forecast) => factTable(factsOf(forecast)));
  writeLine(`${path}: ${plural(cells, "cell")}\n\n${facts.join("\n\n")}`);
  const short = new Map(
    forecasts.flatMap(({ underfilled }) => underfilled).map((one) => [`${one.task} at ${one.length}`, one]),
  );
  for (const [place, { fill }] of short) note(`Prompts of ${place} fill only ${formatPercent(fill)} of their length`);
}

async function forecastModel(
  flags: StudyFlags,
  path: string,
  { units }: Expansion,
  opened: OpenModel,
): Promise<ModelForecast> {
  const { model, prepared } = opened;
  const own = units.filter((unit) => unit.model === model);
  const site = prepared && { source: prepared.source, kind: prepared.choice.device.kind };
  const forecast = await forecastUnits(own, site, flags.show);
  const arms = Math.max(...own.map(({ arms }) => arms.length));
  const [speeds, speedsFrom] = await speedsOf(flags, path, opened, arms);
  const seconds = speeds && forecast.prefillTokens / speeds.prefill + forecast.decodeTokens / speeds.decode;
  const weightBytes = prepared?.source.weightBytes ?? null;
  return { model: model.name, ...forecast, weightBytes, speeds, speedsFrom, seconds };
}

async function speedsOf(
  flags: StudyFlags,
  path: string,
  { model, prepared }: OpenModel,
  arms: number,
): Promise<[Speeds | null, string]> {
  const { assumePrefill, assumeDecode, threads } = flags;
  if (assumePrefill !== undefined && assumeDecode !== undefined) {
    return [{ prefill: assumePrefill, decode: assumeDecode }, "as assumed"];
  }
  const measured = await readManifest(path) === null ? null : measuredSpeeds(await readRun(path), model.name);
  const [found, from] = measured !== null
    ? [measured, `as measured in ${path}`]
    : prepared === null
    ? [null, "not known: pass --assume-prefill and --assume-decode"]
    : await probe();
  if (found === null) return [null, from];
  return [{ prefill: assumePrefill ?? found.prefill, decode: assumeDecode ?? found.decode }, from];

  async function probe(): Promise<[Speeds, string]> {
    const signal = interruptSignal();
    using engine = await Engine.load(prepared!, { threads, signal });
    return [
      await probeSpeeds(engine, Math.min(arms, BATCH), signal),
      "as measured just now on 512 tokens: longer prompts are slower",
    ];
  }
}

function factsOf(forecast: ModelForecast): (readonly [string, string])[] {
  const { memory, speeds, weightBytes } = forecast;
  return [
    ["model", forecast.model],
    ["answers", `${formatCount(forecast.answers)}, to ${plural(forecast.samples, "sample")}`],
    ["prefill", `${plural(forecast.prefillTokens, "token")}, what is shared once`],
    ["decode", `at most ${plural(forecast.decodeTokens, "token")}`],
    [
      "time",
      forecast.seconds === null || speeds === null
        ? forecast.speedsFrom
        : `${formatDuration(forecast.seconds * 1000)} at ${formatCount(speeds.prefill)} and ${
          formatCount(speeds.decode)
        } tokens/s, ${forecast.speedsFrom}`,
    ],
    [
      "peak memory",
      memory === null
        ? "the server's"
        : `${formatBytes(memory.cacheBytes + memory.workBytes)} beside ${formatBytes(weightBytes!)} of weights`,
    ],
  ];
}

const END_LETTERS = 400;

function printPrompt({ task, sample, promptTokens, newTokens, fill, bosTokens, text }: ShownPrompt): void {
  const body = text.length <= 2 * END_LETTERS
    ? text
    : `${text.slice(0, END_LETTERS)}\n[${formatCount(text.length - 2 * END_LETTERS)} letters]\n${
      text.slice(-END_LETTERS)
    }`;
  const facts = [
    plural(promptTokens, "token"),
    `at most ${formatCount(newTokens)} to answer`,
    ...(fill === null ? [] : [`together ${formatPercent(fill)} of the length`]),
    ...(bosTokens === null ? [] : [plural(bosTokens, "BOS token")]),
  ];
  writeLine(`--- ${task}, sample ${sample}: ${facts.join(", ")}\n${body}\n---\n`);
}
