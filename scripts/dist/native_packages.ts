/** Packages with native code: they cannot be bundled, and lie beside the bundle as they were published. */

/** Each has its binary for this platform in a package of its own. */
export const NATIVE_PACKAGES = ["@node-rs/jieba", "@resvg/resvg-js"] as const;
const PLATFORM = "linux-x64-gnu";

/** Copy them into a `node_modules`. @returns `name@version` of each. */
export function copyNativePackages(to: string): string[] {
  return NATIVE_PACKAGES.flatMap((name) => {
    const folder = Deno.realPathSync(`node_modules/${name}`);
    return [[name, folder], [`${name}-${PLATFORM}`, `${folder}-${PLATFORM}`]] as const;
  }).map(([name, from]) => {
    Deno.mkdirSync(`${to}/${name}`, { recursive: true });
    for (const file of Deno.readDirSync(from)) {
      if (/\.(md|d\.ts)$/.test(file.name)) continue; // nothing that runs
      Deno.copyFileSync(`${from}/${file.name}`, `${to}/${name}/${file.name}`);
    }
    return `${name}@${JSON.parse(Deno.readTextFileSync(`${from}/package.json`)).version}`;
  });
}
