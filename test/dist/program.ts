/** Runs the one-file program that `make dist` built, as people do. */
import config from "../../deno.json" with { type: "json" };

export const CHECKOUT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
export const DIST = `${CHECKOUT}dist`;
export const NAME = `rocketkv-${config.version}-linux-x86_64`;
export const PROGRAM = `${DIST}/${NAME}`;

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** All of the environment: nothing is inherited. */
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly program?: string;
}

/** Start a command line, with nothing in its environment but what is given. */
export function spawn(
  args: readonly string[],
  { env = {}, cwd, program = PROGRAM }: RunOptions = {},
): Deno.ChildProcess {
  return new Deno.Command(program, {
    args: [...args],
    env,
    clearEnv: true,
    ...(cwd !== undefined && { cwd }),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Run one to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(args, options);
  const writer = child.stdin.getWriter();
  const feed = writer.write(new TextEncoder().encode(options.stdin ?? "")).then(() => writer.close()).catch(() => {});
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), feed]);
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

export interface Folder extends Disposable {
  readonly path: string;
}

/** An empty folder with a space in its name, removed at the end. */
export function emptyFolder(): Folder {
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "rocketkv test-" }));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Names in a folder, sorted; none when there is no such folder. */
export function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  } catch {
    return [];
  }
}

/** An environment in which the program is unpacked already, and the folder it is in. */
export const { env: UNPACKED, folder: UNPACKED_FOLDER } = await unpack();

async function unpack(): Promise<{ env: Record<string, string>; folder: string }> {
  const place = `${CHECKOUT}build/dist/test`;
  const env = { ROCKETKV_CACHE: `${place}/program`, ROCKETKV_HOME: `${place}/home` };
  const { stdout, stderr } = await run(["doctor", "--json"], { env });
  const key = stdout.match(/program\/(\w+)\/librocketkv\.so/)?.[1];
  if (key === undefined) throw new Error(`Cannot test ${PROGRAM}: ${stderr}`);
  for (const name of namesIn(env.ROCKETKV_CACHE)) { // of older builds
    if (!name.startsWith(key)) Deno.removeSync(`${env.ROCKETKV_CACHE}/${name}`, { recursive: true });
  }
  return { env, folder: `${env.ROCKETKV_CACHE}/${key}` };
}
