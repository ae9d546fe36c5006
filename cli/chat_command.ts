import type { Conversation } from "../lib/engine/conversation.ts";
import { loadConversation, saveConversation } from "../lib/engine/conversation_file.ts";
import { RunError } from "../lib/error.ts";
import { nearest } from "../lib/nearest.ts";
import { formatBytes, formatCount, formatDuration, plural, threeDigits } from "./ui/format.ts";
import { note } from "./ui/output.ts";
import { factTable } from "./ui/table.ts";

interface ChatCommand {
  readonly usage: string;
  readonly help: string;
  readonly run: (conversation: Conversation, argument: string) => Promise<void> | void;
}

const COMMANDS: Readonly<Record<string, ChatCommand>> = {
  "/reset": { usage: "/reset", help: "forget the conversation", run: (conversation) => conversation.reset() },
  "/stats": { usage: "/stats", help: "say what the conversation costs", run: showStats },
  "/save": { usage: "/save <file>", help: "save the conversation and its cache", run: save },
  "/load": { usage: "/load <file>", help: "go on with a saved conversation", run: load },
  "/help": { usage: "/help", help: "list these commands", run: showHelp },
  "/exit": { usage: "/exit", help: "leave; so does the end of the input", run: () => {} },
};

/**
 * Run one line that starts with a slash.
 *
 * @returns "exit" when the conversation is over.
 * @throws {RunError} for an unknown command or a file that cannot be used.
 */
export async function runChatCommand(conversation: Conversation, line: string): Promise<"exit" | "go on"> {
  const [, name = "", argument = ""] = line.match(/^(\S+)\s*(.*)$/)!;
  const command = COMMANDS[name];
  if (command === undefined) {
    const close = nearest(name, Object.keys(COMMANDS));
    throw new RunError(`Cannot run ${name}: ${close ? `did you mean ${close}?` : "/help lists the commands"}`);
  }
  await command.run(conversation, argument);
  return name === "/exit" ? "exit" : "go on";
}

async function save(conversation: Conversation, path: string): Promise<void> {
  if (path === "") throw new RunError("Cannot save the conversation: expected a file name after /save, found none");
  await saveConversation(conversation, path);
  note(`Saved ${plural(conversation.state.messages.length, "message")} to ${path}`);
}

async function load(conversation: Conversation, path: string): Promise<void> {
  if (path === "") throw new RunError("Cannot load a conversation: expected a file name after /load, found none");
  await loadConversation(conversation, path);
  note(`Loaded ${plural(conversation.state.messages.length, "message")} from ${path}`);
}

function showHelp(): void {
  note(factTable(Object.values(COMMANDS).map(({ usage, help }) => [usage, help])));
}

function showStats(conversation: Conversation): void {
  const cost = conversation.cost();
  if (cost === null) return note("Nothing was said yet");
  const { state, engine, options } = conversation;
  note(factTable([
    ["method", options.recipe.method.name],
    ["history", `${plural(state.messages.length, "message")}, ${plural(state.ids.length, "token")}`],
    ["room left", `${formatCount(engine.config.contextLength - state.ids.length)} tokens`],
    ["KV cache", `${formatBytes(cost.kvBytes)} and ${formatBytes(cost.auxBytes)} of bounds, indices and scores`],
    ["prefill", `${formatDuration(cost.prefillMs)} and ${formatDuration(cost.compressMs)} of compression in all`],
    ["read per step", `${formatBytes(cost.scoreReadBytes + cost.attendReadBytes)} of KV cache`],
    ["budget spent", `${threeDigits(cost.measuredBudget)} tokens per KV head and step`],
  ]));
}
