/** JSON in its two forms: a line per record, or one list. */
import { refuseData, Row } from "./row.ts";

/** Records of a JSONL file; empty lines are passed over. @throws {UsageError} naming the line that is not JSON. */
export async function* jsonlRows(path: string): AsyncGenerator<Row> {
  let number = 0;
  for await (const line of linesOf(path)) {
    number++;
    if (line.trim() === "") continue;
    yield new Row(path, `line ${number}`, parse(path, `line ${number}`, line));
  }
}

/** Records of a JSON file: a list of objects, or an object with the list in its field `data`. */
export async function* jsonRows(path: string): AsyncGenerator<Row> {
  const json = parse(path, null, await Deno.readTextFile(path));
  const list = Array.isArray(json) ? json : new Row(path, "its outermost value", json).list("data");
  for (const [i, value] of list.entries()) yield new Row(path, `record ${i + 1}`, value);
}

/** Lines in a stream: a file may be longer than a text can be. */
async function* linesOf(path: string): AsyncGenerator<string> {
  using file = await Deno.open(path);
  let pieces: string[] = [];
  for await (const text of file.readable.pipeThrough(new TextDecoderStream())) {
    const [first, ...others] = text.split("\n");
    pieces.push(first!);
    for (const next of others) {
      yield pieces.join("");
      pieces = [next];
    }
  }
  yield pieces.join("");
}

function parse(path: string, place: string | null, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    refuseData(path, place, `must be JSON: ${(error as Error).message}`);
  }
}
