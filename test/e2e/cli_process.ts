/** Runs the command line as people do: the launcher, in a process of its own. */
import { tinyModel, type TinyOptions } from "../support/tiny_model.ts";

export const LAUNCHER = decodeURIComponent(new URL("../../build/rocketkv", import.meta.url).pathname);

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run one command line to its end. @param options.stdin  Text or bytes that are piped in. */
export async function rocketkv(
  args: readonly string[],
  { stdin = "", env = {} }: { stdin?: string | Uint8Array<ArrayBuffer>; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const child = spawn(args, env);
  const writer = child.stdin.getWriter();
  const feed = writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin)
    .then(() => writer.close())
    .catch(() => {}); // a command that fails at once does not read its input
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), feed]);
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Start a command line whose streams the caller handles. */
export function spawn(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(LAUNCHER, { args: [...args], env, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
}

/** ChatML, written out. */
export const CHAT_TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<sep>{% endfor %}" +
  "{% if add_generation_prompt %}<assistant>{% endif %}";

/** A folder with a tiny random model as GGUF, removed at the end. */
export function tinyGgufFile(options: TinyOptions = {}): { folder: string; path: string } & Disposable {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-test-" });
  const path = `${folder}/tiny.gguf`;
  tinyModel({ chatTemplate: CHAT_TEMPLATE, ...options }).writeGguf(path);
  return { folder, path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}
