/**
 * Bundles the command line into a folder: `main.js`, its chunks, and packages with native code. Prints the names and
 * versions of all packages in it.
 *
 *   deno run --allow-all scripts/dist/bundle.ts FOLDER
 */
import * as esbuild from "esbuild";
import { builtinModules } from "node:module";
import { copyNativePackages, NATIVE_PACKAGES } from "./native_packages.ts";

/** CommonJS packages call it. Sources may have imports of the same name, so it is imported under another one. */
const REQUIRE = 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);';

/** The only file that may ask where it lies: in a bundle that is another place. */
const PLACE = "lib/installation.ts";

/**
 * Bundle a program. @returns Packages with code in the bundle, sorted.
 *
 * @throws {Error} when code asks where it lies, or loads a CommonJS package late.
 */
export async function bundle(folder: string, entry = "cli/main.ts"): Promise<string[]> {
  try {
    const { metafile } = await esbuild.build({
      entryPoints: { main: entry },
      outdir: folder,
      bundle: true,
      splitting: true, // commands stay separate files, loaded when they run
      format: "esm",
      platform: "neutral",
      target: "esnext",
      mainFields: ["module", "main"],
      conditions: ["deno", "import", "default"],
      external: NATIVE_PACKAGES.flatMap((name) => [name, `${name}/*`]),
      legalComments: "none", // LICENSES.txt has them all
      plugins: [nodeModules, placeCheck],
      banner: { js: REQUIRE },
      metafile: true,
      logLevel: "silent", // what is wrong is in the error
    });
    checkLazyPackages(metafile);
    return [...packagesOf(Object.keys(metafile.inputs)), ...copyNativePackages(`${folder}/node_modules`)].sort();
  } finally {
    await esbuild.stop();
  }
}

/** `name@version` of every package that has a file among the paths. */
function packagesOf(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const folder = path.match(/node_modules\/\.deno\/[^/]+\/node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0];
    if (folder === undefined) continue;
    const { name, version } = JSON.parse(Deno.readTextFileSync(`${folder}/package.json`));
    found.add(`${name}@${version}`);
  }
  return [...found];
}

/** A chunk gives nothing but `default` of a CommonJS package, while Deno finds its names: such an import must be static. */
function checkLazyPackages({ inputs }: esbuild.Metafile): void {
  for (const [path, { imports }] of Object.entries(inputs)) {
    const lazy = imports.find((to) => to.kind === "dynamic-import" && inputs[to.path]?.format === "cjs");
    if (lazy !== undefined && !path.startsWith("node_modules")) {
      throw new Error(`Cannot bundle ${path}: import("${lazy.original}") must be in a file of its own, without await`);
    }
  }
}

/** Deno knows `node:fs`, packages say `fs`. */
const nodeModules: esbuild.Plugin = {
  name: "node modules",
  setup(build) {
    build.onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path }) => {
      const name = path.replace("node:", "");
      return builtinModules.includes(name) ? { path: `node:${name}`, external: true } : undefined;
    });
  },
};

const placeCheck: esbuild.Plugin = {
  name: "place check",
  setup(build) {
    build.onLoad({ filter: /\/(cli|lib)\/.*\.ts$/ }, ({ path }) => {
      // Packages are found from anywhere in a bundle: those in it, and those beside it.
      const text = Deno.readTextFileSync(path).replaceAll("createRequire(import.meta.url)", "");
      if (path.endsWith(PLACE) || !/import\.meta\.(url|dirname|filename|resolve)/.test(text)) return undefined;
      return { errors: [{ text: `asks where it lies: only ${PLACE} may, as a bundle lies elsewhere` }] };
    });
  },
};

if (import.meta.main) {
  const [folder] = Deno.args as [string];
  await Deno.remove(folder, { recursive: true }).catch(() => {}); // chunks of an older one
  const packages = await bundle(folder);
  console.log(JSON.stringify(packages, null, 2));
}
