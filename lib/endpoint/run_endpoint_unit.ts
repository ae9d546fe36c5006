/**
 * Run a group of samples on a server. Its cache is its own business: there is one arm, whose predictions have no cache.
 *
 * Prompts are the token ids that a run on this machine would have, so both answer the same question. Only a sample that is one
 * user message goes through the server's own chat template, because not every server takes token ids of chats.
 */
import { stopAt } from "../sweep/run/answers.ts";
import type { Prediction, Timing } from "../sweep/folder/prediction.ts";
import { promptHash, promptTail } from "../sweep/run/record.ts";
import { type SampleResult, tokeniseOf, type Unit } from "../sweep/run/unit.ts";
import { assemble, type Prompt } from "../tasks/prompt/assemble.ts";
import { scoreAnswer } from "../tasks/metrics/registry.ts";
import type { Sample } from "../tasks/sample.ts";
import type { ModelText } from "../text/types.ts";
import type { EndpointClient, Generated } from "./client.ts";
import { inOrder } from "./in_order.ts";
import { Refusal } from "./request.ts";
import type { Slots } from "./slots.ts";

/** Who answers, and what is known of it here. */
export interface Endpoint {
  readonly client: EndpointClient;
  /** Of the same model: token ids must mean the same. */
  readonly text: ModelText;
  /** Tokens that a prompt and its answer may have together. */
  readonly contextLength: number;
  /** Ask for log probabilities of expected texts by echo. See `EndpointClient.echoLogprobs`. */
  readonly echo: boolean;
  /** Samples that are asked for at the same time, of whichever units. */
  readonly slots: Slots;
  /** Told when the server counts other tokens than we do. */
  readonly onNote?: (text: string) => void;
}

/** @throws {RunError} when the server cannot be used. A prompt that it refuses gets a prediction that says so. */
export async function* runEndpointUnit(
  endpoint: Endpoint,
  unit: Unit,
  { signal }: { signal: AbortSignal },
): AsyncGenerator<SampleResult> {
  const samples = (await unit.group.make()).filter(({ key }) => !unit.done.has(key));
  const run = (sample: Sample, signal: AbortSignal) =>
    endpoint.slots.with(() => runSample(endpoint, unit, sample, signal));
  yield* inOrder(samples, samples.length, run, signal);
}

async function runSample(endpoint: Endpoint, unit: Unit, sample: Sample, signal: AbortSignal): Promise<SampleResult> {
  const { text, contextLength } = endpoint;
  const { task, truncate } = unit;
  const history = task.history ?? "golden";
  const options = { tokenise: tokeniseOf(task, unit.moment), history, truncate, contextLength };
  const prompt = assemble(text, sample, options);
  const answers: SampleResult["answers"][number][] = [];
  let behind: number[] = [];
  for (const [turn, { tail, expected }] of prompt.turns.entries()) {
    const ids = [...prompt.head, ...(history === "requests" ? [] : behind), ...tail];
    const asked = { endpoint, unit, sample, prompt, turn, ids, expected };
    const answer = await ask(asked, signal);
    answers.push(recordOf(asked, answer));
    behind = [...behind, ...tail, ...(history === "own" ? text.tokenizer.encode(answer.text, { bos: false }) : [])];
  }
  return { sample: sample.key, answers };
}

/** A turn of a sample. */
interface Asked {
  readonly endpoint: Endpoint;
  readonly unit: Unit;
  readonly sample: Sample;
  readonly prompt: Prompt;
  readonly turn: number;
  /** Everything in front of the answer. */
  readonly ids: readonly number[];
  readonly expected: readonly number[];
}

interface Answered {
  readonly text: string;
  readonly finish: Prediction["finish"];
  readonly error?: string;
  readonly expectedLogprobs: readonly number[] | null;
  /** Milliseconds until the answer was there. */
  readonly ms: number;
  readonly startedAt: string;
}

async function ask(asked: Asked, signal: AbortSignal): Promise<Answered> {
  const { endpoint: { client, echo }, ids, expected } = asked;
  const startedAt = new Date().toISOString(), start = performance.now();
  try {
    const generated = await generate(asked, signal);
    const ms = performance.now() - start;
    compareCounts(asked, generated);
    const wantsEcho = echo && expected.length > 0;
    const expectedLogprobs = wantsEcho ? await client.echoLogprobs(ids, expected, signal) : null;
    return { ...ended(asked, generated), expectedLogprobs, ms, startedAt };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const ms = performance.now() - start;
    return { text: "", finish: "error", error: error.message, expectedLogprobs: null, ms, startedAt };
  }
}

function generate({ endpoint, sample, prompt, turn, ids }: Asked, signal: AbortSignal): Promise<Generated> {
  const { client, text } = endpoint;
  const { maxNewTokens, question, answerPrefix } = sample.turns[turn]!;
  const isOneMessage = sample.chat === "model" && text.chat !== null && sample.turns.length === 1 &&
    answerPrefix === "" && prompt.truncatedTokens === 0;
  if (!isOneMessage) return client.complete(ids, maxNewTokens, signal);
  return client.chat([{ role: "user", content: sample.context + question }], maxNewTokens, signal);
}

/** The stop is cut off here: servers would also take one that an answer begins with. */
function ended({ sample, turn }: Asked, { text, finishReason }: Generated): Pick<Answered, "text" | "finish"> {
  const end = stopAt(text, sample.turns[turn]!.stop ?? []);
  if (end !== null) return { text: text.slice(0, end), finish: "stop" };
  return { text, finish: finishReason === "length" ? "length" : "eos" };
}

/** Different counts mean another tokenizer or template, and so other prompts than those that lengths are counted for. */
function compareCounts({ endpoint: { onNote }, sample, ids }: Asked, { promptTokens }: Generated): void {
  if (promptTokens === null || promptTokens === ids.length) return;
  onNote?.(
    `The server counts ${promptTokens} tokens in the prompt of sample ${sample.key}, --tokenizer counts ${ids.length}: ` +
      "expected the tokenizer and chat template of the model that is served",
  );
}

function recordOf(asked: Asked, answered: Answered): SampleResult["answers"][number] {
  const { endpoint, unit, sample, prompt, turn, ids } = asked;
  const { text, finish, error, expectedLogprobs } = answered;
  const { scoring, subtask } = sample.turns[turn]!;
  const prediction: Prediction = {
    sample: sample.key,
    turn,
    ...(subtask !== undefined && { subtask }),
    group: unit.group.id,
    depth: sample.depth,
    prompt: promptHash(ids),
    promptTokens: ids.length,
    truncatedTokens: prompt.truncatedTokens,
    maxNewTokens: prompt.turns[turn]!.newTokens,
    answer: text,
    ids: endpoint.text.tokenizer.encode(text, { bos: false, special: false }), // the server does not tell its own
    finish,
    ...(error !== undefined && { error }),
    scoring,
    scores: error === undefined ? scoreAnswer(text, scoring, unit.scorer) : null,
    ...(expectedLogprobs !== null && { expectedLogprobs }),
    promptTail: promptTail(endpoint.text, ids),
    cache: null,
  };
  return { cell: unit.arms[0]!.cell, prediction, timing: timingOf(asked, prediction, answered) };
}

/** The answer comes as a whole: when that was is all that is known from here. How fast a server decodes, nobody can tell. */
function timingOf(
  { endpoint }: Asked,
  { sample, turn, ids, promptTokens }: Prediction,
  { ms, startedAt }: Answered,
): Timing {
  return {
    sample,
    turn,
    prefillMs: 0,
    compressMs: 0,
    decodeMs: 0,
    ttftMs: ms,
    selectMs: 0,
    attendMs: 0,
    linearMs: 0,
    newTokens: ids.length,
    prefilledTokens: promptTokens,
    arms: 1,
    peakBytes: 0,
    host: new URL(endpoint.client.url).host,
    device: "endpoint",
    startedAt,
  };
}
