/** What lies beside the one-file program, and that the same sources give the same bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import config from "../../deno.json" with { type: "json" };
import { CHECKOUT, DIST, emptyFolder, NAME, PROGRAM, run, UNPACKED, UNPACKED_FOLDER } from "./program.ts";

const sha256 = (path: string) => createHash("sha256").update(Deno.readFileSync(path)).digest("hex");

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly licenses: readonly unknown[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

Deno.test("the program is smaller than 60 MB", () => {
  assert(Deno.statSync(PROGRAM).size < 60e6);
});

Deno.test("the changelog has the version", () => {
  assert(Deno.readTextFileSync(`${CHECKOUT}CHANGELOG.md`).includes(`\n## [${config.version}]`));
});

Deno.test("sha256sum accepts the program", () => {
  const { success } = new Deno.Command("sha256sum", { args: ["--check", "--strict", `${NAME}.sha256`], cwd: DIST })
    .outputSync();
  assert(success);
});

const sbom = JSON.parse(Deno.readTextFileSync(`${PROGRAM}.cdx.json`));
const components: readonly Component[] = sbom.components;
const fullName = ({ group, name }: Component) => group ? `${group}/${name}` : name;

Deno.test("the bill of materials is one of the program", () => {
  assert.deepEqual([sbom.bomFormat, sbom.specVersion], ["CycloneDX", "1.6"]);
  const { name, version, hashes } = sbom.metadata.component;
  assert.deepEqual([name, version], ["rocketkv", config.version]);
  assert.deepEqual(hashes, [{ alg: "SHA-256", content: sha256(PROGRAM) }]);
});

Deno.test("the bill of materials has Deno, zstd and every package that is imported, with versions and hashes", () => {
  const versions = Object.fromEntries(components.map((component) => [fullName(component), component.version]));
  assert.equal(versions.deno, Deno.version.deno);
  assert.match(versions.zstd!, /^1\.5\.\d+$/);
  // Types and builders are no part of the program.
  const tools = ["esbuild", "hyparquet-writer"];
  for (const [name, target] of Object.entries(config.imports)) {
    if (!tools.includes(name)) assert.equal(`npm:${name}@${versions[name]}`, target);
  }
  const lock: Record<string, { integrity: string }> = JSON.parse(Deno.readTextFileSync(`${CHECKOUT}deno.lock`)).npm;
  for (const component of components) {
    const hash = component.hashes?.find(({ alg }) => alg === "SHA-512");
    if (hash === undefined) continue;
    const id = `${fullName(component)}@${component.version}`;
    const locked = Object.keys(lock).find((key) => key === id || key.startsWith(`${id}_`))!;
    const base64 = btoa(String.fromCharCode(...hash.content.match(/../g)!.map((byte) => parseInt(byte, 16))));
    assert.equal(`sha512-${base64}`, lock[locked]!.integrity, id);
  }
  const deno = components.find(({ name }) => name === "deno")!;
  assert.deepEqual(deno.hashes, [{ alg: "SHA-256", content: sha256(Deno.execPath()) }]);
});

Deno.test("every component's licence is in LICENSES.txt, which is in the program too", () => {
  const text = Deno.readTextFileSync(`${DIST}/LICENSES.txt`);
  assert(text.startsWith("rocketkv (Apache-2.0)\n\n"));
  for (const component of components) {
    assert(text.includes(`\n${fullName(component)} ${component.version} (`), fullName(component));
    assert.equal(component.licenses.length, 1);
  }
  assert.equal(Deno.readTextFileSync(`${UNPACKED_FOLDER}/LICENSES.txt`), text);
});

Deno.test("the manual and the completions are those that the program prints", async () => {
  const files = { bash: "rocketkv.bash", zsh: "_rocketkv", fish: "rocketkv.fish" };
  for (const [shell, name] of Object.entries(files)) {
    const { stdout } = await run(["completions", shell], { env: UNPACKED });
    assert.equal(stdout, Deno.readTextFileSync(`${DIST}/completions/${name}`));
  }
  assert.equal((await run(["man"], { env: UNPACKED })).stdout, Deno.readTextFileSync(`${DIST}/rocketkv.1`));
});

Deno.test("a second build in other folders gives the same bytes", () => {
  using folder = emptyFolder();
  // make cannot have spaces in names.
  const place = `${folder.path.replaceAll(" ", "-")}-build`;
  Deno.mkdirSync(place);
  try {
    // Built from the same library and the same words about it: everything else is made anew.
    const kept = ["build/librocketkv.so", "build/version.json", "build/rocketkv"].flatMap((name) => ["-o", name]);
    const folders = [`DIST=${place}/dist`, `DIST_WORK=${place}/work`, `LAUNCHER=${place}/launcher`];
    const { success, stderr } = new Deno.Command("make", {
      args: ["dist", ...kept, ...folders],
      cwd: CHECKOUT,
      env: { MAKEFLAGS: "", MAKELEVEL: "" },
      stdout: "null",
    }).outputSync();
    assert(success, new TextDecoder().decode(stderr));
    for (const name of [NAME, `${NAME}.sha256`, `${NAME}.cdx.json`, "LICENSES.txt", "rocketkv.1"]) {
      assert.equal(sha256(`${place}/dist/${name}`), sha256(`${DIST}/${name}`), name);
    }
  } finally {
    Deno.removeSync(place, { recursive: true });
  }
});
