/**
 * Measures llama.cpp through npm's node-llama-cpp, in the words of `rocketkv bench --json`: one line per measurement.
 *
 *   node llama_cpp.mjs PACKAGE MODEL THREADS CONTEXTS STEPS      contexts separated by commas
 *
 * Prebuilt binary, CPU only, flash attention, f16 KV cache, logical batches of 512: its defaults, which were the fastest
 * of 512 and 2,048 here. Prefill computes no logits. A decode step is fed a given token and computes logits; choosing the
 * best one of them (about 0.1 ms) is part of the time, because the package cannot leave it out.
 */
import { pathToFileURL } from "node:url";

const [packagePath, modelPath, threadsText, contextsText, stepsText] = process.argv.slice(2);
const { getLlama } = await import(pathToFileURL(packagePath));
const threads = Number(threadsText);
const contexts = contextsText.split(",").map(Number);
const steps = Number(stepsText);
const WARM_UP_STEPS = 2;

const llama = await getLlama({ build: "never", gpu: false, maxThreads: threads, logLevel: "error" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: Math.max(...contexts) + steps + WARM_UP_STEPS + 1,
  batchSize: 512,
  flashAttention: true,
  threads: { ideal: threads, min: threads },
});
const sequence = context.getSequence();
const vocabSize = model.fileInsights.vocabularySize ?? 1000;
const tokens = (count, salt) => Array.from({ length: count }, (_, i) => ((i + salt) * 7919) % vocabSize);

await sequence.evaluateWithoutGeneratingNewTokens(tokens(64, 1)); // pages of the file, worker threads
for (const length of contexts) {
  await sequence.clearHistory();
  const prefillStart = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(tokens(length, 0));
  report("prefill", length, (performance.now() - prefillStart) / length);

  for (const token of tokens(WARM_UP_STEPS, 2)) await decode(token);
  const decodeStart = performance.now();
  for (const token of tokens(steps, 3)) await decode(token);
  report("decode", length, (performance.now() - decodeStart) / steps);
}
process.exit(0); // its worker threads would keep the process alive

async function decode(token) {
  await sequence.controlledEvaluate([[token, { generateNext: { token: true, options: { temperature: 0 } } }]]);
}

function report(kind, context, msPerToken) {
  console.log(
    JSON.stringify({ kind, context, method: "full", budget: null, threads, tokens_per_second: 1000 / msPerToken }),
  );
}
