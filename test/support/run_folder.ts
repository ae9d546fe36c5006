/** Run folders on the disk, without a model. */
import { cellFolder, writeManifest } from "../../lib/sweep/folder/folder.ts";
import type { Run } from "../../lib/sweep/folder/manifest.ts";

/** Write a run as merge leaves it. */
export async function writeRun(path: string, { manifest, cells }: Run): Promise<void> {
  await writeManifest(path, manifest);
  for (const { id, predictions, timings } of cells) {
    const save = (name: string, lines: readonly object[]) =>
      Deno.writeTextFileSync(
        `${cellFolder(path, id)}/${name}.jsonl`,
        lines.map((line) => JSON.stringify(line) + "\n").join(""),
      );
    save("predictions", predictions);
    save("timings", timings);
  }
}
