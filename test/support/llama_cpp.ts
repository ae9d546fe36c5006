/** A real server of another make: llama.cpp with SmolLM2, as `llama_cpp_server.mjs` wraps it. */
import { readManifest } from "../../lib/model/store.ts";
import { installLlamaCpp, LLAMA_CPP } from "../../scripts/bench_peers/programs.ts";

export interface LlamaCppServer extends AsyncDisposable {
  readonly url: string;
}

/** Fetch what the server needs. @returns Why it cannot run here, in one line, or null. */
export async function llamaCppMissing(): Promise<string | null> {
  if (await readManifest("smollm2").catch(() => null) === null) return 'no model: "rocketkv pull smollm2" gets it';
  try {
    await new Deno.Command("node", { args: ["--version"], stdout: "null" }).output();
    await installLlamaCpp();
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0]!;
  }
}

/** @param model  Path of a GGUF file. */
export async function startLlamaCpp(model: string, contextLength: number): Promise<LlamaCppServer> {
  const script = decodeURIComponent(new URL("llama_cpp_server.mjs", import.meta.url).pathname);
  const args = [script, LLAMA_CPP, model, `${contextLength}`];
  const child = new Deno.Command("node", { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value: port } = await reader.read();
  if (port === undefined) throw new Error(`llama.cpp did not start: code ${(await child.status).code}`);
  return {
    url: `http://127.0.0.1:${port.trim()}/v1`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}
