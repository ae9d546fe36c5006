/** `rocketkv man`: the manual, made from what the commands declare. */
import type { Command } from "@commander-js/extra-typings";
import { write } from "../ui/output.ts";

export function declare(command: Command): void {
  command.action(async () => {
    const { readDeclarations } = await import("../shell/declarations.ts");
    const { manPage } = await import("../shell/man_page.ts");
    write(manPage(await readDeclarations()));
  });
}
