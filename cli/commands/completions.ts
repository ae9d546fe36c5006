/** `rocketkv completions`: what a shell needs to complete command lines. */
import { Argument, type Command } from "@commander-js/extra-typings";
import { write } from "../ui/output.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function declare(command: Command): void {
  command
    .addArgument(new Argument("<shell>", "shell to print the completions of").choices(SHELLS))
    .action(async (shell) => {
      const { readDeclarations } = await import("../shell/declarations.ts");
      write((await scriptOf[shell]())(await readDeclarations()));
    });
}

const scriptOf = {
  bash: async () => (await import("../shell/bash.ts")).bashCompletions,
  zsh: async () => (await import("../shell/zsh.ts")).zshCompletions,
  fish: async () => (await import("../shell/fish.ts")).fishCompletions,
} as const;
