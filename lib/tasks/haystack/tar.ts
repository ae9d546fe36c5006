/** Files of a packed package: gzip around tar. */

/**
 * @returns Content by path, of plain files alone.
 * @throws {TypeError} for bytes that are no gzip, {RangeError} for an archive that is cut off.
 */
export async function unpack(packed: Uint8Array<ArrayBuffer>): Promise<Map<string, Uint8Array>> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break; // two empty blocks are the end
    const size = parseInt(text(header, 124, 12), 8);
    const from = at + BLOCK, to = from + size;
    if (!(to <= bytes.length)) throw new RangeError("the archive is cut off");
    const [kind, prefix] = [text(header, 156, 1), text(header, 345, 155)];
    if (kind === "0" || kind === "") {
      files.set((prefix === "" ? "" : `${prefix}/`) + text(header, 0, 100), bytes.slice(from, to));
    }
    at = from + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

const BLOCK = 512;

/** A field of a header: up to the first zero. */
function text(header: Uint8Array, from: number, length: number): string {
  return new TextDecoder().decode(header.subarray(from, from + length)).replace(/\0[^]*$/, "").trim();
}
