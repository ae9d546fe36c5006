import assert from "node:assert/strict";
import { download } from "../../lib/model/download.ts";
import { CONTENT, ETAG, exists, hash, SHA } from "../support/download_data.ts";
import { type FileServer, serveFiles } from "../support/file_server.ts";
import { asyncRefusal, withFolder } from "../support/model_files.ts";

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
