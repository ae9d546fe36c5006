/** Which permissions the launcher starts Deno with. */
import assert from "node:assert/strict";
import { commands } from "../../cli/commands.ts";
import { permissions } from "../../cli/permissions.ts";
import { echoCheckout } from "./checkout.ts";

/** Permissions by name: what is granted, or true for all of it. */
function granted(args: readonly string[], env: Record<string, string> = {}): Record<string, string | true> {
  using checkout = echoCheckout();
  const { code, lines, stderr } = checkout.run(args, env);
  assert.equal(code, 0, stderr);
  const flags = lines.slice(0, lines.indexOf(`${checkout.folder}/cli/main.ts`));
  return Object.fromEntries(
    flags.filter((flag) => flag.startsWith("--allow-")).map((flag) => {
      const [, name, list] = flag.match(/^--allow-(\w+)(?:=(.*))?$/)!;
      return [name!, list?.replaceAll(checkout.folder, "") ?? true];
    }),
  );
}

Deno.test("every command says what it needs", () => {
  assert.deepEqual(Object.keys(permissions).sort(), commands.map(({ name }) => name).sort());
});

for (const name of ["generate", "inspect", "methods", "fidelity", "bench", "no-such-command"]) {
  Deno.test(`${name} may read files, load the library and nothing else`, () => {
    const { env, ...others } = granted([name, "--out", "x"]);
    assert.deepEqual(others, { read: true, ffi: "/build/librocketkv.so" });
    assert.equal(env, "ROCKETKV_HOME,XDG_CACHE_HOME,HOME,NO_COLOR,FORCE_COLOR,CLICOLOR_FORCE,TERM");
  });
}

Deno.test("pull may connect, run python3 and npm, and write the models' folder", () => {
  const { write, net, run, env } = granted(["pull", "smollm2"], { ROCKETKV_HOME: "/own" });
  assert.deepEqual([write, net, run], [
    "/own/models,/own/models.tmp,/own/haystacks,/own/haystacks.tmp",
    true,
    "python3,npm",
  ]);
  assert.match(env as string, /,HF_TOKEN$/);
  const unset = { ROCKETKV_HOME: "", XDG_CACHE_HOME: "", HOME: "" };
  const first = (env: Record<string, string>) => String(granted(["pull"], { ...unset, ...env }).write).split(",")[0];
  assert.equal(first({ HOME: "/h" }), "/h/.cache/rocketkv/models");
  assert.equal(first({ XDG_CACHE_HOME: "/c" }), "/c/rocketkv/models");
  assert.equal(first({}), "undefined");
});

/** Ways to name a folder, and what may be written then. */
const OUT: readonly (readonly [args: readonly string[], write: string | undefined])[] = [
  [["--out", "charts"], "charts,charts.tmp"],
  [["--out=charts"], "charts,charts.tmp"],
  [["--out", "/a b/charts/"], "/a b/charts,/a b/charts.tmp"],
  [["--out", "-x"], "-x,-x.tmp"],
  [["--out=a=b"], "a=b,a=b.tmp"],
  [["--out", "a", "--out", "b"], "a,a.tmp,b,b.tmp"],
  [["-p", "--out", "charts"], undefined],
  [["--json", "--out", "charts"], "charts,charts.tmp"],
  [["--", "--out", "charts"], undefined],
  [["--out="], undefined],
  [["--out"], undefined],
  [[], undefined],
];
for (const [args, write] of OUT) {
  Deno.test(`analyze ${args.join(" ")} may write ${write ?? "nothing"}`, () => {
    assert.equal(granted(["analyze", ...args]).write, write);
  });
}

/** Ways to serve, and where that listens. */
const HOSTS: readonly (readonly [args: readonly string[], net: string | undefined])[] = [
  [[], "127.0.0.1"],
  [["--host", "0.0.0.0", "--port", "80"], "0.0.0.0"],
  [["--host=box.local"], "box.local"],
  [["--host", "::1"], "[::1]"],
  [["--host", "a,b"], undefined],
];
for (const [args, net] of HOSTS) {
  Deno.test(`serve ${args.join(" ")} may listen on ${net ?? "nothing"}`, () => {
    assert.equal(granted(["serve", ...args]).net, net);
  });
}

Deno.test("serve and studies on servers may read the variable that holds the key", () => {
  for (const command of ["serve", "niah"]) {
    const env = (...args: string[]) => granted([command, ...args]).env as string;
    assert.equal(env("--api-key-env", "MY_KEY"), `${env()},MY_KEY`);
    assert.equal(env("--api-key-env", "A,PATH"), env());
  }
});

/** Endpoints, and what niah may connect to then. */
const ENDPOINTS: readonly (readonly [args: readonly string[], net: string | undefined])[] = [
  [[], undefined],
  [["--endpoint", "http://127.0.0.1:8080/v1"], "127.0.0.1:8080"],
  [["--endpoint=https://box.local/v1"], "box.local:443"],
  [["--endpoint", "HTTP://user:word@box"], "box:80"],
  [["--endpoint", "http://[::1]:9/v1?x=http://other"], "[::1]:9"],
  [["--endpoint", "http://a@b,c:80"], undefined],
  [["--endpoint", "http://box:123456"], undefined],
  [["--endpoint", "file:///etc"], undefined],
  [["--endpoint", "box:80"], undefined],
  [["--endpoint", "http://"], undefined],
];
for (const [args, net] of ENDPOINTS) {
  Deno.test(`niah ${args.join(" ")} may connect to ${net ?? "nothing"}`, () => {
    assert.equal(granted(["niah", ...args]).net, net);
  });
}

Deno.test("a grid writes to its run folder, or to runs", () => {
  assert.equal(granted(["niah"]).write, "runs,runs.tmp");
  assert.equal(granted(["niah", "-o", "mine"]).write, "mine,mine.tmp");
  assert.equal(granted(["niah", "-omine"]).write, "mine,mine.tmp");
});

Deno.test("charts come with the native module that makes them", () => {
  const { ffi, sys } = granted(["analyze"]);
  assert.deepEqual([ffi, sys], [
    "/build/librocketkv.so,/node_modules/.deno",
    "cpus,hostname,networkInterfaces",
  ]);
});

Deno.test("a path that Deno cannot be told is refused as a command line", () => {
  using checkout = echoCheckout();
  assert.deepEqual(checkout.run(["analyze", "--out", "a,b"]), {
    code: 2,
    lines: [""],
    stderr: 'Cannot write to "a,b": expected a path without commas\n',
  });
});

Deno.test("a checkout in a folder with a comma says so", () => {
  using checkout = echoCheckout();
  const folder = `${checkout.folder}/a,b`;
  Deno.mkdirSync(folder);
  for (const name of ["build", ".tools", "node_modules"]) {
    Deno.renameSync(`${checkout.folder}/${name}`, `${folder}/${name}`);
  }
  const { code, stderr } = new Deno.Command(`${folder}/build/rocketkv`).outputSync();
  assert.deepEqual([code, new TextDecoder().decode(stderr)], [
    1,
    `Cannot load "${folder}/build/librocketkv.so": expected a path without commas\n`,
  ]);
});

Deno.test("a checkout that is not set up says so", () => {
  using checkout = echoCheckout();
  Deno.removeSync(`${checkout.folder}/node_modules/.stamp`);
  assert.deepEqual(checkout.run([]), {
    code: 1,
    lines: [""],
    stderr: `Cannot start rocketkv: ${checkout.folder} is not set up: run make there\n`,
  });
});
