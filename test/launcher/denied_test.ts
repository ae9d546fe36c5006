/** That Deno holds commands to their permissions: a program that tries everything, in place of the command line. */
import assert from "node:assert/strict";
import { mainCheckout } from "./checkout.ts";

/** Tries one thing of each kind and prints the names of those that it may do. */
const PROBE = `
const tries = {
  read: () => Deno.readTextFileSync("/etc/hostname"),
  "write out/x": () => { Deno.mkdirSync("out", { recursive: true }); Deno.writeTextFileSync("out/x", ""); },
  "write out.tmp": () => Deno.writeTextFileSync("out.tmp", ""),
  "write outside": () => Deno.writeTextFileSync("outside", ""),
  "connect 127.0.0.1:9": () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
  "connect 127.0.0.1:10": () => Deno.connect({ hostname: "127.0.0.1", port: 10 }),
  "run sh": () => new Deno.Command("sh", { args: ["-c", ":"] }).outputSync(),
  "load another library": () => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {}),
  "read HOME": () => Deno.env.get("HOME"),
  "read PATH": () => Deno.env.get("PATH"),
  "ask the hostname": () => Deno.hostname(),
  "ask the user": () => Deno.uid(),
};
for (const [name, attempt] of Object.entries(tries)) {
  try {
    await attempt();
    console.log(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) console.log(name); // allowed, and failed for another reason
  }
}
`;

const EVERYONE = ["read", "read HOME"];
const CASES: readonly (readonly [args: readonly string[], allowed: readonly string[]])[] = [
  [["generate", "--out", "out"], EVERYONE],
  [["analyze"], [...EVERYONE, "ask the hostname"]],
  [["analyze", "--out", "out"], [...EVERYONE, "write out/x", "write out.tmp", "ask the hostname"]],
  [["pull", "x"], [...EVERYONE, "connect 127.0.0.1:9", "connect 127.0.0.1:10"]],
  [["chat"], [...EVERYONE, "write out/x", "write out.tmp", "write outside"]],
  [["doctor"], EVERYONE],
];
for (const [args, allowed] of CASES) {
  Deno.test(`${args.join(" ")} may do no more than ${allowed.join(", ")}`, () => {
    using checkout = mainCheckout(PROBE);
    const { code, lines, stderr } = checkout.run(args);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(lines.toSorted(), allowed.toSorted());
  });
}
