/**
 * Writes the licences of everything in a one-file program to stdout.
 *
 *   deno run --allow-all scripts/dist/licences.ts PACKAGES.json VERSION.json
 */
import { type Part, partsOf } from "./parts.ts";

/** This project's licence, then each part's; parts with the same text share it. */
function licences(own: string, parts: readonly Part[]): string {
  const shared = Map.groupBy(parts, ({ text }) => text);
  const sections = [...shared].map(([text, parts]) => {
    const names = parts.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    return `${RULE}\n${names.join("\n")}\n\n${text}\n`;
  });
  return [`rocketkv (Apache-2.0)\n\n${own.trim()}\n`, ...sections].join("\n");
}

const RULE = "=".repeat(80);

const [packages, facts] = Deno.args.map((path) => JSON.parse(Deno.readTextFileSync(path)));
const text = licences(Deno.readTextFileSync("LICENSE"), partsOf(packages, facts));
await Deno.stdout.write(new TextEncoder().encode(text));
