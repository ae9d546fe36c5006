/**
 * llama.cpp behind the parts of OpenAI's API that studies use, through npm's node-llama-cpp: a server that is not ours.
 *
 *   node llama_cpp_server.mjs PACKAGE MODEL CONTEXT      says on stdout which port it listens on
 */
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [packagePath, modelPath, contextText] = process.argv.slice(2);
const { getLlama, LlamaChatSession } = await import(pathToFileURL(packagePath));
const llama = await getLlama({ build: "never", gpu: false, maxThreads: 2, logLevel: "error" });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: Number(contextText), threads: 2 });
const sequence = context.getSequence();

/** Tokens of an echo that have log probabilities. */
const ECHOED = 8;

const routes = {
  "GET /v1/models": () => ({ object: "list", data: [{ id: "served", object: "model" }] }),
  "POST /v1/completions": complete,
  "POST /v1/chat/completions": chat,
};

let last = Promise.resolve(); // one request at a time: there is one sequence
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (part) => text += part);
  request.on("end", () => {
    last = last.then(() => answer(request, text)).then(([status, body]) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

async function answer({ method, url }, text) {
  try {
    const route = routes[`${method} ${url}`];
    return route === undefined
      ? [404, { error: { message: "no such path" } }]
      : [200, await route(text && JSON.parse(text))];
  } catch (error) {
    return [400, { error: { message: String(error.message) } }];
  }
}

async function complete({ prompt, max_tokens, echo = false, logprobs }) {
  await sequence.clearHistory();
  if (echo && logprobs !== undefined) {
    return result({ text: "", logprobs: await echoed(prompt) }, "length", prompt.length, 0);
  }
  const generated = [];
  let finish = "length";
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (model.isEogToken(token)) {
      finish = "stop";
      break;
    }
    generated.push(token);
    if (generated.length === max_tokens) break;
  }
  const text = model.detokenize(generated, false, prompt.slice(-8));
  return result({ text }, finish, prompt.length, generated.length);
}

/** Log probabilities of a prompt's last tokens, null for those before: the package sorts the vocabulary for every one of them. */
async function echoed(prompt) {
  const from = Math.max(1, prompt.length - ECHOED);
  const all = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
  const seen = await sequence.controlledEvaluate(
    prompt.map((token, i) => i + 1 < from ? token : [token, { generateNext: all }]),
  );
  return {
    token_logprobs: prompt.map((token, i) => i < from ? null : Math.log(seen[i - 1].next.probabilities.get(token))),
  };
}

async function chat({ messages, max_tokens }) {
  await sequence.clearHistory();
  const session = new LlamaChatSession({ contextSequence: sequence, systemPrompt: "" });
  const before = sequence.tokenMeter.getState();
  const { responseText, stopReason } = await session.promptWithMeta(messages.at(-1).content, {
    temperature: 0,
    maxTokens: max_tokens,
  });
  const { usedInputTokens, usedOutputTokens } = sequence.tokenMeter.diff(before);
  session.dispose({ disposeSequence: false });
  const finish = stopReason === "maxTokens" ? "length" : "stop";
  const message = { role: "assistant", content: responseText };
  return result({ message }, finish, usedInputTokens, usedOutputTokens);
}

function result(choice, finish_reason, prompt_tokens, completion_tokens) {
  return { choices: [{ index: 0, ...choice, finish_reason }], usage: { prompt_tokens, completion_tokens } };
}
