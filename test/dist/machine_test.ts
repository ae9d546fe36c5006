/** The one-file program on machines that have little to offer. All of it needs root, to be other users and to mount. */
import assert from "node:assert/strict";
import { emptyFolder, namesIn, type Outcome, PROGRAM, run } from "./program.ts";

const NOBODY = 65534;
const PATH = `${Deno.env.get("PATH")}:/usr/sbin:/sbin`; // chroot
const isRoot = Deno.uid() === 0;

/** Whether folders can be mounted that this process alone sees. */
const canMount = isRoot && isRunnable("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]);

function isRunnable(program: string, args: readonly string[]): boolean {
  try {
    return new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** A copy that any user may run, in a folder that only root may write to. */
function sharedProgram(): { folder: string; program: string } & Disposable {
  const place = emptyFolder();
  Deno.chmodSync(place.path, 0o755);
  const program = `${place.path}/rocketkv`;
  Deno.copyFileSync(PROGRAM, program);
  return { folder: place.path, program, [Symbol.dispose]: () => place[Symbol.dispose]() };
}

/** Run as a user without rights, in the folder of the program. */
async function runAsNobody(
  { folder, program }: { folder: string; program: string },
  args: readonly string[],
  env: Record<string, string>,
): Promise<Outcome> {
  const options = { args: [...args], env, clearEnv: true, cwd: folder, uid: NOBODY, gid: NOBODY };
  const { code, stdout, stderr } = await new Deno.Command(program, options).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

function ownFolder(path: string): string {
  Deno.mkdirSync(path);
  Deno.chownSync(path, NOBODY, NOBODY);
  return path;
}

Deno.test({
  name: "another user runs it in a folder and a home that cannot be written",
  ignore: !isRoot,
  fn: async () => {
    using shared = sharedProgram();
    const TMPDIR = ownFolder(`${shared.folder}/tmp`);
    const first = await runAsNobody(shared, ["methods"], { HOME: shared.folder, TMPDIR });
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    const cache = `${TMPDIR}/rocketkv-${NOBODY}`;
    assert.equal(namesIn(cache).length, 2);

    // A disk that has become read-only: nothing has to be written any more.
    const [key] = namesIn(cache);
    for (const path of [cache, `${cache}/${key}`, `${cache}/${key}/deno_dir`]) Deno.chmodSync(path, 0o555);
    assert.deepEqual(await runAsNobody(shared, ["methods"], { HOME: shared.folder, TMPDIR }), first);
  },
});

Deno.test({
  name: "a folder that cannot be written is refused in one line that says what to set",
  ignore: !isRoot,
  fn: async () => {
    using shared = sharedProgram();
    const { code, stdout, stderr } = await runAsNobody(shared, ["methods"], { ROCKETKV_CACHE: `${shared.folder}/x` });
    assert.deepEqual([code, stdout], [1, ""]);
    const reason =
      `Cannot unpack rocketkv: ${shared.folder}/x: Permission denied: set ROCKETKV_CACHE to a folder of yours`;
    assert(stderr.startsWith(reason) && stderr.trimEnd().match(/with \d+ MiB of room$/), stderr);
  },
});

Deno.test({
  name: "a folder of another user is not used",
  ignore: !isRoot,
  fn: async () => {
    using folder = emptyFolder();
    const place = ownFolder(`${folder.path}/theirs`);
    const { code, stderr } = await run(["--version"], { env: { ROCKETKV_CACHE: place } });
    assert.equal(code, 1);
    assert.match(stderr, /theirs: it belongs to another user: set ROCKETKV_CACHE/);
    assert.deepEqual(namesIn(place), []);
  },
});

/** Run a shell script whose mounts nobody else sees. */
async function runMounted(script: string, words: readonly string[]): Promise<Outcome> {
  return await run(["-m", "sh", "-c", script, "sh", ...words], { program: "unshare", env: { PATH } });
}

Deno.test({
  name: "a full disk is said in one line, and nothing of the attempt stays on it",
  ignore: !canMount,
  fn: async () => {
    using folder = emptyFolder();
    const script =
      'mount -t tmpfs -o size=20m,mode=700 none "$1" && env -i ROCKETKV_CACHE="$1" "$2" methods; ls -A "$1"';
    const { stdout, stderr } = await runMounted(script, [folder.path, PROGRAM]);
    assert.match(stderr, /^Cannot unpack rocketkv: .*: No space left on device: set ROCKETKV_CACHE to .* of room\n$/);
    assert.match(stdout, /^[0-9a-f]{32}\.lock\n$/);
  },
});

Deno.test({
  name: "where a disk is full or lets no program run, the folder for temporary files is taken",
  ignore: !canMount,
  fn: async () => {
    for (const mountOptions of ["size=20m,mode=700", "noexec,mode=700"]) {
      using folder = emptyFolder();
      for (const name of ["home", "tmp"]) Deno.mkdirSync(`${folder.path}/${name}`);
      const script = `mount -t tmpfs -o ${mountOptions} none "$1/home" && ` +
        'env -i HOME="$1/home" TMPDIR="$1/tmp" "$2" --version';
      const { code, stdout, stderr } = await runMounted(script, [folder.path, PROGRAM]);
      assert.deepEqual([code, stderr], [0, ""], mountOptions);
      assert.match(stdout, /^rocketkv /);
      assert.deepEqual(namesIn(`${folder.path}/tmp`), ["rocketkv-0"]);
    }
  },
});

Deno.test({
  name: "it runs where there is nothing but the C library",
  ignore: !canMount,
  fn: async () => {
    using root = emptyFolder();
    for (const library of await cLibrary()) {
      Deno.mkdirSync(`${root.path}${library.slice(0, library.lastIndexOf("/"))}`, { recursive: true });
      Deno.copyFileSync(library, `${root.path}${library}`);
    }
    for (const name of ["tmp", "proc", "a b"]) Deno.mkdirSync(`${root.path}/${name}`);
    Deno.copyFileSync(PROGRAM, `${root.path}/a b/rocketkv`);
    const bare = await runMounted('exec env -i "$(command -v chroot)" "$1" "/a b/rocketkv" doctor', [root.path]);
    assert.deepEqual([bare.code, bare.stdout], [1, ""]);
    assert.match(bare.stderr, /^Cannot start rocketkv: \/proc must be mounted: .*\n$/);
    const script = 'mount --bind /proc "$1/proc" && exec env -i "$(command -v chroot)" "$1" "/a b/rocketkv" doctor';
    const { code, stdout, stderr } = await runMounted(script, [root.path]);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^ok +library +\/tmp\/rocketkv-0\/[0-9a-f]{32}\/librocketkv\.so/m);
    assert.match(stdout, /^ok +cpu /m);
  },
});

/** Files of the C library and the compiler's support library that Deno names. */
async function cLibrary(): Promise<string[]> {
  const { stdout } = await run([Deno.execPath()], { program: "ldd", env: { PATH } });
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
}
