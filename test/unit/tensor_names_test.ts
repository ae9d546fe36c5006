import assert from "node:assert/strict";
import { openModel } from "../../lib/model/open_model.ts";
import { assignRoles, roleShape } from "../../lib/model/tensor_names.ts";
import type { FileTensor } from "../../lib/model/model_file.ts";
import { readSafetensors } from "../../lib/model/safetensors.ts";
import type { ModelConfig, TensorRef } from "../../lib/model/types.ts";
import { refusal, withFolder } from "../support/model_files.ts";
import { tinyModel, type TinyOptions } from "../support/tiny_model.ts";

/** Tensor table and config of a tiny Hugging Face folder. */
function tiny(options: TinyOptions = {}): Promise<{ files: FileTensor[]; config: ModelConfig }> {
  return withFolder(async (folder) => {
    tinyModel(options).writeFolder(folder);
    const { config } = await openModel(folder);
    return { files: readSafetensors(`${folder}/model.safetensors`), config };
  });
}

function assign(files: readonly FileTensor[], config: ModelConfig, tied = false): TensorRef[] {
  return assignRoles("folder", "safetensors", files, config, tied);
}

Deno.test("assignRoles() gives every tensor of a layer its role, layer and shape", async () => {
  const { files, config } = await tiny({ arch: "qwen2", layers: 1 });
  const refs = assign(files, config);
  assert.deepEqual(refs.map(({ role, layer, rows, cols }) => [role, layer, rows, cols]), [
    ["embed", -1, 260, 64],
    ["final_norm", -1, 1, 64],
    ["lm_head", -1, 260, 64],
    ["attn_norm", 0, 1, 64],
    ["wq", 0, 64, 64],
    ["wk", 0, 32, 64],
    ["wv", 0, 32, 64],
    ["wo", 0, 64, 64],
    ["bq", 0, 1, 64],
    ["bk", 0, 1, 32],
    ["bv", 0, 1, 32],
    ["ffn_norm", 0, 1, 64],
    ["w_gate", 0, 96, 64],
    ["w_up", 0, 96, 64],
    ["w_down", 0, 64, 96],
  ]);
  for (const { role, rows, cols } of refs) assert.deepEqual(roleShape(config, role), [rows, cols]);
});

Deno.test("assignRoles() lets a tied LM head refer to the embedding, with or without one in the file", async () => {
  const { files, config } = await tiny({ arch: "qwen3" });
  for (const list of [files, files.filter(({ name }) => name !== "lm_head.weight")]) {
    const refs = assign(list, config, true);
    const place = (role: string) => refs.filter((t) => t.role === role).map(({ offset, bytes }) => [offset, bytes]);
    assert.deepEqual(place("lm_head"), place("embed"));
    assert.deepEqual(refs.filter((t) => t.role === "q_norm").map((t) => [t.layer, t.cols]), [[0, 16], [1, 16]]);
  }
});

Deno.test("assignRoles() ignores stored RoPE frequencies of any type", async () => {
  const { files, config } = await tiny();
  const inv = { ...files[0]!, name: "model.layers.0.self_attn.rotary_emb.inv_freq", dtype: "F64", shape: [8] };
  assert.deepEqual(assign([...files, inv], config), assign(files, config));
});

Deno.test("assignRoles() names all missing tensors at once", async () => {
  const { files, config } = await tiny();
  const gone = ["lm_head.weight", "model.layers.0.self_attn.k_proj.weight", "model.layers.1.mlp.up_proj.weight"];
  const some = files.filter(({ name }) => !gone.includes(name));
  refusal(() => assign(some, config), `Cannot load folder: tensors must be complete: missing ${gone.join(", ")}`);
  refusal(() => assign([], { ...config, nLayers: 1000 }), "and 8979 more"); // 3 + 9 x 1000, less the 24 that are listed
});

Deno.test("assignRoles() refuses tensors that would change the computation", async () => {
  const { files, config } = await tiny();
  for (
    const name of [
      "model.layers.0.self_attn.o_proj.bias",
      "model.layers.0.mlp.experts.0.w1.weight",
      "model.layers.0.mlp.down_proj.bias",
      "model.layers.0.self_attn.q_proj.bias", // llama has none
      "model.layers.2.input_layernorm.weight", // a layer too many
      "score.weight",
    ]
  ) {
    refusal(
      () => assign([...files, { ...files[0]!, name, path: "m.safetensors" }], config),
      `Cannot load tensor "${name}" of m.safetensors: the parts of a llama model with 2 layers are known, ` +
        "this is none of them and may change the computation",
    );
  }
});

Deno.test("assignRoles() states the shape and type it wanted and found", async () => {
  const { files, config } = await tiny();
  const change = (name: string, changes: Partial<FileTensor>) => () =>
    assign(files.map((t) => t.name === name ? { ...t, path: "m.safetensors", ...changes } : t), config);
  const k = "model.layers.1.self_attn.k_proj.weight", norm = "model.norm.weight";
  refusal(
    change(k, { shape: [16, 64] }),
    `Cannot load tensor "${k}" of m.safetensors: expected [32, 64], found [16, 64]`,
  );
  refusal(change(k, { shape: [2048] }), `"${k}" of m.safetensors: expected [32, 64], found [2048]`);
  refusal(change(norm, { shape: [1, 64] }), `"${norm}" of m.safetensors: expected [64], found [1, 64]`);
  refusal(change(k, { dtype: "F8_E4M3" }), `"${k}" of m.safetensors: expected f32, f16 or bf16, found F8_E4M3`);
  refusal(
    change(norm, { dtype: "q8_0" }),
    `"${norm}" of m.safetensors: expected a vector of f32, f16 or bf16, found q8_0`,
  );
});
