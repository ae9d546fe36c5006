import { RunError } from "../error.ts";
import { NativeSession } from "../native/session.ts";
import type { Conversation, ConversationState } from "./conversation.ts";

const VERSION = 1;

/** What stands in the file beside the state. */
interface Saved extends ConversationState {
  readonly version: number;
  readonly model: string;
  /** Name of the file with the cache, in the same folder. */
  readonly cache: string;
}

/**
 * Save a conversation: a JSON file at `path` and the cache beside it, under a name of its own. The JSON is renamed into
 * place last, so that at any moment `path` names a cache that is whole and fits it.
 *
 * @throws {RunError} when nothing was said yet or a file cannot be written.
 */
export async function saveConversation(conversation: Conversation, path: string): Promise<void> {
  const { session, state, engine } = conversation;
  if (session === null) throw new RunError("Cannot save the conversation: expected at least one answer, found none");
  const previous = await readSaved(path).catch(() => null);
  const cache = `${baseName(path)}.${crypto.randomUUID().slice(0, 8)}.kv`;
  const saved: Saved = { version: VERSION, model: engine.source.name, cache, ...state };
  await session.save(beside(path, cache));
  try {
    await Deno.writeTextFile(`${path}.tmp`, JSON.stringify(saved));
    await Deno.rename(`${path}.tmp`, path);
  } catch (error) {
    await Deno.remove(beside(path, cache));
    throw new RunError(`Cannot save the conversation to ${path}: ${(error as Error).message}`);
  }
  if (previous) await Deno.remove(beside(path, previous.cache)).catch(() => {}); // already gone is as good
}

/**
 * Go on with a saved conversation; the one that runs is only dropped when the saved one is whole.
 *
 * @throws {RunError} for a missing or damaged file, or one of another model.
 */
export async function loadConversation(conversation: Conversation, path: string): Promise<void> {
  const { engine } = conversation;
  const { model, cache, messages, text, ids, cached } = await readSaved(path);
  if (model !== engine.source.name) {
    throw new RunError(`Cannot load the conversation ${path}: expected one of ${engine.source.name}, found ${model}`);
  }
  const session = await NativeSession.load(engine.model, beside(path, cache));
  const found = session.stats().n_tokens;
  if (found !== cached) {
    session[Symbol.dispose]();
    throw new RunError(`Cannot load the conversation ${path}: expected ${cached} cached tokens, found ${found}`);
  }
  conversation.resume({ messages, text, ids, cached }, session);
}

async function readSaved(path: string): Promise<Saved> {
  let saved: Saved;
  try {
    saved = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "expected JSON that /save wrote" : (error as Error).message;
    throw new RunError(`Cannot load the conversation ${path}: ${reason}`);
  }
  const { version, model, cache, messages, text, ids, cached } = saved ?? {};
  const whole = typeof model === "string" && typeof cache === "string" && typeof text === "string" &&
    Array.isArray(messages) && Array.isArray(ids) && Number.isInteger(cached) && cached <= ids.length &&
    baseName(cache) === cache;
  if (version !== VERSION || !whole) {
    throw new RunError(
      `Cannot load the conversation ${path}: expected version ${VERSION} of a saved conversation, found another file`,
    );
  }
  return saved;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function beside(path: string, name: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1) + name;
}
