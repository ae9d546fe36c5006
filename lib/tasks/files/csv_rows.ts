/** CSV as RFC 4180 has it: names in the first line, quotes around fields with commas, quotes or line breaks. */
import { refuseData, Row } from "./row.ts";

/** Records of a CSV file: every field is a text. @throws {UsageError} naming the line of a bad record. */
export async function* csvRows(path: string): AsyncGenerator<Row> {
  let names: string[] | null = null;
  for (const { line, fields } of records(path, (await Deno.readTextFile(path)).replace(/^\ufeff/, ""))) {
    if (names === null) {
      names = fields;
      continue;
    }
    if (fields.length !== names.length) {
      refuseData(path, `line ${line}`, `must have ${names.length} fields, as the first line: found ${fields.length}`);
    }
    yield new Row(path, `line ${line}`, Object.fromEntries(names.map((name, i) => [name, fields[i]])));
  }
}

function* records(path: string, text: string): Generator<{ line: number; fields: string[] }> {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy; // quoted or plain, and what ends it
  let fields: string[] = [], line = 1, start = 1;
  while (field.lastIndex < text.length || fields.length > 0) {
    const at = field.lastIndex;
    const found = field.exec(text);
    if (found === null) {
      refuseData(path, `line ${line}`, `must be CSV: found ${JSON.stringify(text.slice(at, at + 20))}`);
    }
    const [all, quoted, plain, end] = found;
    fields.push(quoted?.replaceAll('""', '"') ?? plain!);
    line += all.split("\n").length - 1;
    if (end === ",") continue;
    if (fields.length > 1 || fields[0] !== "") yield { line: start, fields }; // an empty line is no record
    fields = [];
    start = line;
  }
}
