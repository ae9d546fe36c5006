/** Where this program finds what was built for it. */

/** A file that `make` built: in `build/` of a checkout, or beside the code of a one-file program. */
export function builtFile(name: string): string {
  const [packed, built] = [`./${name}`, `../build/${name}`].map((place) =>
    decodeURIComponent(new URL(place, import.meta.url).pathname)
  ) as [string, string];
  return isFile(packed) ? packed : built;
}

/** The folder that the one-file program was unpacked to; null in a checkout. */
export function unpackedFolder(): string | null {
  const library = builtFile("librocketkv.so"), folder = library.slice(0, library.lastIndexOf("/"));
  return isFile(`${folder}/main.js`) ? folder : null;
}

export function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
