/** Opens a model on disk, whatever its format: numbers, tensor table and text data, all checked, nothing loaded. */
import { basename, resolve } from "node:path";
import { configFromGguf } from "./config_gguf.ts";
import { configFromHuggingFace } from "./config_huggingface.ts";
import { RunError } from "../error.ts";
import { type GgufFile, readGguf } from "./gguf.ts";
import { readJsonObject } from "./json_file.ts";
import { type FileTensor, refuse, show } from "./model_file.ts";
import { readCheckpoint } from "./safetensors.ts";
import { assignRoles, ggufIsTied } from "./tensor_names.ts";
import type { ModelSource, TensorRef, TextSource } from "./types.ts";

const WANTED = "a .gguf file, or a folder with config.json and safetensors files";

/**
 * Read everything about a model but its weights.
 *
 * @param path  A `.gguf` file, a Hugging Face folder, or a folder with exactly one `.gguf` file.
 * @throws {RunError} when there is no model, when it is damaged, or when rocketkv cannot compute it.
 */
export async function openModel(path: string): Promise<ModelSource> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.stat(path);
  } catch (error) {
    const found = error instanceof Deno.errors.NotFound ? "found nothing there" : (error as Error).message;
    throw new RunError(`Cannot open model ${path}: expected ${WANTED}: ${found}`);
  }
  if (path.endsWith(".safetensors")) {
    throw new RunError(`Cannot open model ${path}: expected ${WANTED}: found a file of a folder: name the folder`);
  }
  if (!info.isDirectory) return openGguf(path);
  const files = (await Array.fromAsync(Deno.readDir(path))).map((entry) => entry.name).sort();
  if (files.includes("model.safetensors") || files.includes("model.safetensors.index.json")) return openFolder(path);
  const ggufs = files.filter((name) => name.endsWith(".gguf"));
  if (ggufs.length === 1) return openGguf(`${path}/${ggufs[0]}`);
  throw new RunError(`Cannot open model ${path}: expected ${WANTED}: found ${describe(files, ggufs)}`);
}

function describe(files: readonly string[], ggufs: readonly string[]): string {
  if (files.length === 0) return "an empty folder";
  if (ggufs.length > 1) return `several GGUF files, name one of them: ${ggufs.join(", ")}`;
  const pickles = files.filter((name) => /\.(bin|pt|pth)$/.test(name));
  if (pickles.length > 0) return `PyTorch weights (${pickles[0]}), which must be converted to safetensors first`;
  return `neither model.safetensors nor model.safetensors.index.json among ${files.length} entries`;
}

function openGguf(path: string): ModelSource {
  const file = readGguf(path);
  const parts = file.metadata.get("split.count") ?? 1, part = file.metadata.get("split.no") ?? 0;
  if (parts !== 1) {
    refuse(path, `a model must be one GGUF file: found part ${Number(part) + 1} of ${parts}: merge them`);
  }
  const config = configFromGguf(path, file.metadata, readRopeDivisors(file));
  const name = file.metadata.get("general.name");
  return {
    path,
    format: "gguf",
    name: typeof name === "string" && name !== "" ? name : basename(path, ".gguf"),
    config,
    ...withSizes(assignRoles(path, "gguf", file.tensors, config, ggufIsTied(file.tensors)), file.tensors),
    text: { kind: "gguf", metadata: file.metadata },
  };
}

async function openFolder(folder: string): Promise<ModelSource> {
  const configPath = `${folder}/config.json`;
  const json = await readJsonObject(configPath);
  const { config, tied } = configFromHuggingFace(configPath, json);
  const files = await readCheckpoint(folder);
  return {
    path: folder,
    format: "safetensors",
    name: basename(resolve(folder)),
    config,
    ...withSizes(assignRoles(folder, "safetensors", files, config, tied), files),
    text: await readText(folder, configPath, json),
  };
}

function withSizes(tensors: readonly TensorRef[], files: readonly FileTensor[]) {
  const tied = (t: TensorRef) => t.role === "lm_head" && tensors.some((o) => o.role === "embed" && o.name === t.name);
  const parameters = tensors.reduce((sum, t) => sum + (tied(t) ? 0 : t.rows * t.cols), 0);
  return { tensors, parameters, weightBytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Llama 3 files carry their RoPE scaling as a tensor: f32 [dims / 2]. */
function readRopeDivisors({ path, tensors }: GgufFile): Float32Array | null {
  const tensor = tensors.find(({ name }) => name === "rope_freqs.weight");
  if (tensor === undefined) return null;
  if (tensor.dtype !== "f32" || tensor.bytes > 4096) {
    refuse(
      path,
      `tensor "rope_freqs.weight" must be f32 with at most 1024 elements: found ${tensor.dtype} ${tensor.shape}`,
    );
  }
  using file = Deno.openSync(path);
  file.seekSync(tensor.offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(tensor.bytes);
  for (let filled = 0; filled < bytes.length;) {
    const got = file.readSync(bytes.subarray(filled));
    if (got === null) refuse(path, `tensor "rope_freqs.weight" must end inside the file`);
    filled += got;
  }
  return new Float32Array(bytes.buffer);
}

async function readText(folder: string, configPath: string, config: Record<string, unknown>): Promise<TextSource> {
  const tokenizerPath = `${folder}/tokenizer.json`;
  const [tokenizer, tokenizerConfig, generationConfig, chatTemplateFile] = await Promise.all([
    readJsonObject(tokenizerPath),
    readJsonObject(`${folder}/tokenizer_config.json`, {}),
    readJsonObject(`${folder}/generation_config.json`, {}),
    Deno.readTextFile(`${folder}/chat_template.jinja`).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      refuse(`${folder}/chat_template.jinja`, (error as Error).message);
    }),
  ]);
  const bos = tokenIds(configPath, "bos_token_id", config.bos_token_id);
  return {
    kind: "huggingface",
    tokenizer,
    tokenizerConfig,
    generationConfig,
    configEos: tokenIds(configPath, "eos_token_id", config.eos_token_id),
    configBos: bos[0] ?? null,
    chatTemplateFile,
  };
}

/** A token id, a list of them, or nothing. */
function tokenIds(path: string, key: string, value: unknown): number[] {
  const ids: unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  if (!ids.every((id): id is number => Number.isInteger(id) && (id as number) >= 0)) {
    refuse(path, `${show(key)} must be a token id or a list of them: found ${show(value)}`);
  }
  return ids;
}
