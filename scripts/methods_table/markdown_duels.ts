/** RocketKV against others that read as much, in words. */
import { formatCount } from "../../cli/ui/format.ts";
import { markdownTable } from "../../cli/ui/table.ts";
import type { Duel, EqualRead, EqualReads } from "./equal_reads.ts";

/** Said in a sentence each; the others stand in the table. */
const NAMED = ["snapkv", "quest", "sparq", "streaming"];

export function duelSection({ budget, read, rivals }: EqualReads): string[] {
  const head = ["method", "read", "KL", "lead in KL", "key", "lead in key"];
  const rows = rivals.map(({ method, read, nearest, kl, keyLogprob }) => [
    method,
    formatCount(read) + (nearest ? " (nearest)" : ""),
    kl === null ? "-" : kl.theirs.toPrecision(3),
    kl === null ? "-" : lead(kl),
    keyLogprob.theirs.toFixed(3),
    lead(keyLogprob),
  ]);
  const [first] = rivals;
  return [
    `### At the same reads as rocketkv with budget ${budget}`,
    `A step of rocketkv reads ${read.toFixed(1)} tokens: ${
      first!.kl === null ? "" : `KL ${first!.kl.ours.toPrecision(3)}, `
    }` +
    `key ${
      first!.keyLogprob.ours.toFixed(3)
    }. The others' curves over their budgets are read off at that point (in proportion ` +
    "of logarithms of reads and KL), or at the nearest one measured where they do not reach it. Leads of rocketkv are means of " +
    "paired differences ± standard error; bold where a t-test tells them from 0 at 5 % and they are beyond the noise floor (KL) or 0.001 (key).",
    rivals.filter(({ method }) => NAMED.includes(method)).map((rival) => `- ${sentence(rival)}`).join("\n"),
    markdownTable(head, rows),
  ];
}

function sentence({ method, read, nearest, kl, keyLogprob }: EqualRead): string {
  const where = nearest ? ` (at ${formatCount(read)} tokens, the nearest measured)` : "";
  const parts = [
    ...(kl === null ? [] : [`in KL ${verdict(kl, kl.ours.toPrecision(3), kl.theirs.toPrecision(3))}`]),
    `in the log probability of the key ${
      verdict(keyLogprob, keyLogprob.ours.toFixed(3), keyLogprob.theirs.toFixed(3))
    }`,
  ];
  return `Against ${method}${where}, rocketkv ${parts.join("; ")}.`;
}

function verdict({ verdict }: Duel, ours: string, theirs: string): string {
  const words = { better: "wins", worse: "loses", undecided: "neither wins nor loses beyond the error" };
  return `${words[verdict]} (${ours} against ${theirs})`;
}

function lead({ lead, leadError, verdict }: Duel): string {
  const text = `${lead > 0 ? "+" : ""}${lead.toPrecision(2)}${
    leadError === null ? "" : ` ± ${leadError.toPrecision(2)}`
  }`;
  return verdict === "undecided" ? text : `**${text}**`;
}
