/**
 * Writes what a one-file program is made of to stdout, as CycloneDX 1.6. Without a time or a random serial number, so
 * that the same program has the same one.
 *
 *   deno run --allow-all scripts/dist/sbom.ts PROGRAM PACKAGES.json VERSION.json
 */
import { createHash } from "node:crypto";
import config from "../../deno.json" with { type: "json" };
import type { BuildFacts } from "../../cli/version.ts";
import { type Part, partsOf } from "./parts.ts";

function sbom(program: string, packages: readonly string[], facts: BuildFacts): unknown {
  const parts = partsOf(packages, facts);
  const own = `rocketkv@${config.version}`;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: "rocketkv",
        version: config.version,
        licenses: [{ license: { id: "Apache-2.0" } }],
        hashes: [{ alg: "SHA-256", content: sha256(program) }],
        properties: [
          { name: "rocketkv:commit", value: facts.commit },
          { name: "rocketkv:cpu", value: facts.cpu.join(" ") },
          { name: "rocketkv:cuda", value: facts.cuda.join(" ") },
        ],
      },
    },
    components: parts.map(component),
    dependencies: [{ ref: own, dependsOn: parts.map(reference) }, ...parts.map((part) => ({ ref: reference(part) }))],
  };
}

function component(part: Part): unknown {
  const { name, version, licence, purl, hash } = part;
  const [, group, rest] = name.match(/^(?:(@[^/]+)\/)?(.+)$/)!;
  return {
    type: "library",
    "bom-ref": reference(part),
    ...(group && { group }),
    name: rest,
    version,
    ...(hash && { hashes: [hash] }),
    licenses: [licenceOf(licence)],
    ...(purl && { purl }),
  };
}

/** An SPDX identifier, an expression of them, or a name. */
function licenceOf(licence: string): unknown {
  if (/^[\w.-]+$/.test(licence)) return { license: { id: licence } };
  return / (OR|AND|WITH) /.test(licence) ? { expression: licence } : { license: { name: licence } };
}

const reference = ({ name, version }: Part) => `${name}@${version}`;

function sha256(path: string): string {
  return createHash("sha256").update(Deno.readFileSync(path)).digest("hex");
}

const [program, ...files] = Deno.args as [string, string, string];
const [packages, facts] = files.map((path) => JSON.parse(Deno.readTextFileSync(path)));
const text = JSON.stringify(sbom(program, packages, facts), null, 2) + "\n";
await Deno.stdout.write(new TextEncoder().encode(text));
