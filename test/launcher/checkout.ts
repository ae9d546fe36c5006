/** A checkout with the real launcher in it, and something else in place of what it starts. */
import { LAUNCHER } from "../e2e/cli_process.ts";

export interface Checkout extends Disposable {
  readonly folder: string;
  /** What the launcher started said, by line. */
  run(args: readonly string[], env?: Record<string, string>): { code: number; lines: string[]; stderr: string };
}

/** One whose Deno prints the words it is started with. */
export function echoCheckout(): Checkout {
  const checkout = emptyCheckout();
  const deno = `${checkout.folder}/.tools/bin/deno`;
  Deno.writeTextFileSync(deno, '#!/bin/sh\nprintf "%s\\n" "$@"\n');
  Deno.chmodSync(deno, 0o755);
  return checkout;
}

/** One with the real Deno, and `main` in place of `cli/main.ts`. */
export function mainCheckout(main: string): Checkout {
  const checkout = emptyCheckout();
  Deno.symlinkSync(Deno.execPath(), `${checkout.folder}/.tools/bin/deno`);
  Deno.writeTextFileSync(`${checkout.folder}/cli/main.ts`, main);
  return checkout;
}

function emptyCheckout(): Checkout {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "rocketkv-test-" }));
  for (const name of ["build", "cli", ".tools/bin", "node_modules"]) {
    Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
  }
  Deno.writeTextFileSync(`${folder}/node_modules/.stamp`, "");
  Deno.copyFileSync(LAUNCHER, `${folder}/build/rocketkv`);
  return {
    folder,
    run(args, env = {}) {
      const command = new Deno.Command(`${folder}/build/rocketkv`, { args: [...args], env, cwd: folder });
      const { code, stdout, stderr } = command.outputSync();
      const text = new TextDecoder();
      return { code, lines: text.decode(stdout).trimEnd().split("\n"), stderr: text.decode(stderr) };
    },
    [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }),
  };
}
