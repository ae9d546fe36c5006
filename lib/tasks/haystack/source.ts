/** From the name of a haystack to the haystack. */
import { RunError } from "../../error.ts";
import { readHaystack } from "./store.ts";
import { sha256 } from "../../model/sha256.ts";
import { type Haystack, NOISE, PROSE, textHaystack } from "./haystack.ts";

export interface OpenHaystack {
  readonly haystack: Haystack;
  /** What identifies its text: a version of the generator, or the SHA-256 of the text. */
  readonly id: string;
}

/**
 * @param name  `prose`, `noise`, `pulled:<name>`, a text file, or a folder whose `*.txt` files are read in the order of
 *              their names.
 * @throws {RunError} for files that cannot be read or have no words, and for a name that was not pulled.
 */
export async function openHaystack(name: string): Promise<OpenHaystack> {
  if (name === "prose") return { haystack: PROSE, id: "prose-1" };
  if (name === "noise") return { haystack: NOISE, id: "noise-1" };
  const text = name.startsWith("pulled:") ? await readHaystack(name.slice("pulled:".length)) : await readTexts(name);
  const hash = sha256();
  hash.update(new TextEncoder().encode(text));
  return { haystack: textHaystack(name, text), id: `sha256:${hash.hex()}` };
}

/** The text itself, or what a JSON file has in its field `text`: RULER keeps its essays so. */
function textOf(path: string, content: string): string {
  if (!path.endsWith(".json")) return content;
  try {
    const { text } = JSON.parse(content);
    if (typeof text === "string") return text;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new RunError(`Cannot use ${path} as a haystack: expected JSON with a text in its field "text"`);
}

/** A file, or all texts of a folder with an empty line between them. */
async function readTexts(path: string): Promise<string> {
  try {
    if (!(await Deno.stat(path)).isDirectory) return textOf(path, await Deno.readTextFile(path));
    const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
    const texts = names.filter((name) => name.endsWith(".txt")).toSorted();
    if (texts.length === 0) {
      throw new RunError(`Cannot use ${path} as a haystack: expected *.txt files in it, found none`);
    }
    return (await Promise.all(texts.map((name) => Deno.readTextFile(`${path}/${name}`)))).join("\n\n");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new RunError(
      `Cannot use "${path}" as a haystack: expected prose, noise, pulled:<name>, a text file or a folder of them, found nothing there`,
    );
  }
}
