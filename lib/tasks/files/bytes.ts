/**
 * Bytes of an open file.
 *
 * @param to  First byte that is not wanted. @default the file's end
 * @throws {RangeError} when the file ends before.
 */
export async function asBytes(file: Deno.FsFile, from: number, to?: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array((to ?? (await file.stat()).size) - from);
  await file.seek(from, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const got = await file.read(bytes.subarray(done));
    if (got === null) throw new RangeError(`the file ends ${bytes.length - done} bytes too early`);
    done += got;
  }
  return bytes.buffer;
}
