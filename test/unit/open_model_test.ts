import assert from "node:assert/strict";
import { openModel } from "../../lib/model/open_model.ts";
import { DTYPES, type ModelSource, type Role, type TensorRef } from "../../lib/model/types.ts";
import { RunError } from "../../lib/error.ts";
import { dequantize } from "../reference/quant.ts";
import { random as seeded } from "../reference/random.ts";
import { str, writeGguf } from "../support/gguf_writer.ts";
import { asyncRefusal, withFolder } from "../support/model_files.ts";
import { type TinyModel, tinyModel, type TinyOptions } from "../support/tiny_model.ts";

/** A tensor's numbers, read from where the source says they are. */
function values({ dtype, path, offset, bytes }: TensorRef): Float64Array {
  return dequantize(dtype, Deno.readFileSync(path).slice(offset, offset + bytes));
}

/** Numbers of a matrix whose rows a GGUF of Llama has reordered, in the order of `tinyModel()`. */
function halfPairs(x: Float64Array, { rows, cols }: TensorRef, headDim: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let row = 0; row < rows; row++) {
    const dim = row % headDim, from = row - dim + (dim < headDim / 2 ? 2 * dim : 2 * dim - headDim + 1);
    out.set(x.subarray(from * cols, (from + 1) * cols), row * cols);
  }
  return out;
}

function checkWeights(source: ModelSource, tiny: TinyModel): void {
  for (const ref of source.tensors) {
    const stored = values(ref), rotated: Role[] = ["wq", "wk"];
    const found = source.config.rope.interleaved && rotated.includes(ref.role)
      ? halfPairs(stored, ref, source.config.headDim)
      : stored;
    assert.deepEqual(found, tiny.weight(ref.role, ref.layer), `${ref.role} of layer ${ref.layer}`);
  }
}

const LLAMA3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 512,
};
const models: [string, TinyOptions][] = [
  ["a plain llama", {}],
  ["a tied llama in bf16", { tied: true, dtype: "bf16", layers: 1 }],
  ["a llama with llama3 scaling", { ropeScaling: LLAMA3, headDim: 32, ropeTheta: 500000 }],
  ["a llama with linear scaling", { ropeScaling: { rope_type: "linear", factor: 4 } }],
  ["a llama with yarn scaling", {
    ropeScaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 4096 },
  }],
  ["a mistral with a window", { arch: "mistral", slidingWindow: 100 }],
  ["a qwen2 in f16", { arch: "qwen2", dtype: "f16", slidingWindow: 64 }],
  ["a qwen3 with wide heads", { arch: "qwen3", headDim: 40 }],
];

for (const [what, options] of models) {
  Deno.test(`openModel() reads ${what} alike from a folder, from shards and from a GGUF`, async () => {
    await withFolder(async (root) => {
      for (const name of ["whole", "shards"]) Deno.mkdirSync(`${root}/${name}`);
      const tiny = tinyModel(options);
      tiny.writeFolder(`${root}/whole`);
      tiny.writeFolder(`${root}/shards`, 3);
      tiny.writeGguf(`${root}/tiny.gguf`);
      const [whole, shards, gguf] = await Promise.all(
        ["whole", "shards", "tiny.gguf"].map((name) => openModel(`${root}/${name}`)),
      ) as [ModelSource, ModelSource, ModelSource];
      for (const source of [whole, shards, gguf]) checkWeights(source, tiny);
      assert.deepEqual(shards.config, whole.config);
      assert.equal(shards.parameters, whole.parameters);
      assert.equal(gguf.parameters, whole.parameters);
      assert.equal(whole.parameters, tiny.tensors.reduce((sum, t) => sum + t.rows * t.cols, 0));
      assert.equal(whole.weightBytes, tiny.tensors.reduce((sum, t) => sum + t.data.length, 0));
      // Everything but what the formats call or store differently: Mistral is llama, numbers are f32, Q and K reordered.
      const { rope, normEps, architecture, ...rest } = gguf.config;
      const { rope: wantedRope, normEps: wantedEps, architecture: wantedName, ...wanted } = whole.config;
      assert.deepEqual(rest, wanted);
      assert(Math.abs(normEps / wantedEps - 1) < 1e-6);
      assert.equal(architecture, wantedName === "mistral" ? "llama" : wantedName);
      assert.equal(rope.interleaved, architecture === "llama");
      assert.equal(rope.dims, wantedRope.dims);
      assert.equal(rope.attentionFactor, wantedRope.attentionFactor);
      rope.invFreq.forEach((f, i) => assert(Math.abs(f / wantedRope.invFreq[i]! - 1) < 1e-6, `frequency ${i}`));
    });
  });
}

Deno.test("openModel() reads every weight format from a GGUF", async () => {
  await withFolder(async (folder) => {
    for (const dtype of DTYPES) {
      const tiny = tinyModel({ dtype, embedDtype: "q6_k", dim: 256, hiddenDim: 512, heads: 4, headDim: 64, layers: 1 });
      tiny.writeGguf(`${folder}/x.gguf`);
      const source = await openModel(`${folder}/x.gguf`);
      assert.equal(source.tensors.find(({ role }) => role === "w_down")!.dtype, dtype);
      checkWeights(source, tiny);
    }
  });
});

Deno.test("openModel() hands on the text data and a name", async () => {
  await withFolder(async (root) => {
    const folder = `${root}/my-model`;
    Deno.mkdirSync(folder);
    tinyModel({ chatTemplate: "{{ messages }}" }).writeFolder(folder);
    Deno.writeTextFileSync(`${folder}/generation_config.json`, '{"eos_token_id": [257, 258]}');
    Deno.writeTextFileSync(`${folder}/chat_template.jinja`, "from the file");
    const { text, name, format } = await openModel(`${folder}/`);
    assert.deepEqual([name, format], ["my-model", "safetensors"]);
    assert(text.kind === "huggingface");
    assert.deepEqual([text.configBos, text.configEos], [256, [257]]);
    assert.deepEqual(text.generationConfig, { eos_token_id: [257, 258] });
    assert.equal(text.tokenizerConfig.chat_template, "{{ messages }}");
    assert.equal(text.chatTemplateFile, "from the file");
    assert.equal((text.tokenizer.model as Record<string, unknown>).type, "BPE");

    tinyModel().writeGguf(`${root}/x.gguf`);
    const gguf = await openModel(root); // the only GGUF of a folder
    assert.deepEqual([gguf.name, gguf.format, gguf.path], ["tiny llama", "gguf", `${root}/x.gguf`]);
    assert(gguf.text.kind === "gguf");
    assert.equal(gguf.text.metadata.get("tokenizer.ggml.bos_token_id"), 256);
  });
});

Deno.test("openModel() says what it wanted when there is no model", async () => {
  await withFolder(async (folder) => {
    const wanted = "expected a .gguf file, or a folder with config.json and safetensors files: found";
    await asyncRefusal(() => openModel(`${folder}/x`), `Cannot open model ${folder}/x: ${wanted} nothing there`);
    await asyncRefusal(() => openModel(folder), `Cannot open model ${folder}: ${wanted} an empty folder`);
    Deno.writeTextFileSync(`${folder}/config.json`, '{"model_type": 1}');
    await asyncRefusal(() => openModel(folder), `${wanted} neither model.safetensors nor model.safetensors.index.json`);
    Deno.writeTextFileSync(`${folder}/pytorch_model.bin`, "");
    await asyncRefusal(
      () => openModel(folder),
      `${wanted} PyTorch weights (pytorch_model.bin), which must be converted to safetensors first`,
    );
    for (const name of ["b.gguf", "a.gguf"]) Deno.writeTextFileSync(`${folder}/${name}`, "");
    await asyncRefusal(() => openModel(folder), `${wanted} several GGUF files, name one of them: a.gguf, b.gguf`);
    await asyncRefusal(() => openModel(`${folder}/model.safetensors`), `${wanted} nothing there`);
    Deno.writeTextFileSync(`${folder}/model.safetensors`, "");
    await asyncRefusal(() => openModel(`${folder}/model.safetensors`), `${wanted} a file of a folder: name the folder`);
    await asyncRefusal(() => openModel(`${folder}/config.json`), "a GGUF file must start with the bytes");
  });
});

Deno.test("openModel() refuses folders whose text files are missing or damaged, and parts of split GGUF files", async () => {
  await withFolder(async (folder) => {
    const tiny = tinyModel({ layers: 1 });
    tiny.writeFolder(folder);
    const config = JSON.parse(Deno.readTextFileSync(`${folder}/config.json`));
    Deno.writeTextFileSync(`${folder}/config.json`, JSON.stringify({ ...config, eos_token_id: "</s>" }));
    await asyncRefusal(() => openModel(folder), '"eos_token_id" must be a token id or a list of them: found "</s>"');
    Deno.writeTextFileSync(`${folder}/config.json`, JSON.stringify(config));
    Deno.writeTextFileSync(`${folder}/tokenizer.json`, "[]");
    await asyncRefusal(
      () => openModel(folder),
      `Cannot read ${folder}/tokenizer.json: must be a JSON object: found []`,
    );
    Deno.removeSync(`${folder}/tokenizer.json`);
    await asyncRefusal(() => openModel(folder), `Cannot read ${folder}/tokenizer.json: No such file or directory`);
    Deno.removeSync(`${folder}/config.json`);
    await asyncRefusal(() => openModel(folder), `Cannot read ${folder}/config.json: No such file or directory`);
    const parts = { "split.count": { type: "u16", value: 3 }, "split.no": { type: "u16", value: 0 } } as const;
    writeGguf(`${folder}/part.gguf`, { "general.architecture": str("llama"), ...parts }, []);
    await asyncRefusal(() => openModel(`${folder}/part.gguf`), "a model must be one GGUF file: found part 1 of 3");
  });
});

Deno.test("openModel() opens or refuses every damaged GGUF and config.json, and never fails in another way", async () => {
  await withFolder(async (folder) => {
    const tiny = tinyModel({ layers: 1, ropeScaling: LLAMA3 });
    tiny.writeFolder(folder);
    tiny.writeGguf(`${folder}/x.gguf`);
    const random = seeded(23);
    const outcomes = { opened: 0, refused: 0 };
    const attempt = async (path: string, sound: Uint8Array<ArrayBuffer>, open: string, range: number) => {
      for (let round = 0; round < 200; round++) {
        const bytes = sound.slice();
        bytes[Math.floor(random() * range)] = Math.floor(random() * 256);
        Deno.writeFileSync(path, bytes);
        try {
          await openModel(open);
          outcomes.opened++;
        } catch (error) {
          assert(
            error instanceof RunError,
            `round ${round} of ${path}: ${error instanceof Error ? error.stack : error}`,
          );
          assert(!/\p{Cc}/u.test(error.message), error.message);
          outcomes.refused++;
        }
      }
      Deno.writeFileSync(path, sound);
    };
    await attempt(`${folder}/x.gguf`, Deno.readFileSync(`${folder}/x.gguf`), `${folder}/x.gguf`, 2000);
    const config = Deno.readFileSync(`${folder}/config.json`);
    await attempt(`${folder}/config.json`, config, folder, config.length);
    assert(outcomes.opened > 50 && outcomes.refused > 100, JSON.stringify(outcomes));
  });
});
