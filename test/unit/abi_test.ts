import assert from "node:assert/strict";
import { ABI_VERSION } from "../../lib/native/library.ts";
import { symbols } from "../../lib/native/ffi.ts";
import { STATUSES } from "../../lib/native/error.ts";
import { EVICT_KINDS, POOL_KINDS, RANK_MODES, SELECT_KINDS, SIGN_MODES } from "../../lib/methods/plan.ts";
import { DTYPES, ROLES } from "../../lib/model/types.ts";

const header = Deno.readTextFileSync(new URL("../../cuda/include/rocketkv.h", import.meta.url));

/** FFI types that fit a C declaration: `int32_t n` is an i32, everything with a star is a buffer. */
function accepted(declaration: string): string {
  if (declaration.includes("*")) return "buffer";
  const scalar = declaration.match(/\b(u?int)(32|64)_t\b/);
  assert(scalar, `unknown C type in "${declaration}"`);
  return `${scalar[1] === "int" ? "i" : "u"}${scalar[2]}`;
}

const declared = new Map(
  [...header.matchAll(/^RKV_API (\w+) (rkv_\w+)\(([^)]*)\);/gm)].map(([, result, name, list]) => [
    name!,
    { result: accepted(result!), parameters: list === "void" ? [] : list!.split(",").map(accepted) },
  ]),
);

Deno.test("ffi.ts declares exactly the functions of rocketkv.h, in its order", () => {
  assert.deepEqual(Object.keys(symbols), [...declared.keys()]);
});

Deno.test("ffi.ts gives every parameter and result the type of the header", () => {
  for (const [name, { parameters, result }] of Object.entries(symbols)) {
    assert.deepEqual([...parameters], declared.get(name)!.parameters, `${name}: parameters`);
    assert.equal(result, declared.get(name)!.result, `${name}: result`);
  }
});

Deno.test("library.ts is written for the ABI version of the header", () => {
  assert.equal(ABI_VERSION, Number(header.match(/#define RKV_ABI_VERSION (\d+)/)![1]));
});

/** Names of a C enum in the order of their values, which must be 0, 1, 2 ... */
function enumNames(type: string): string[] {
  const body = header.match(new RegExp(`typedef enum \\{([^}]*)\\} ${type};`))![1]!.replaceAll(/\/\*.*?\*\//g, "");
  return [...body.matchAll(/RKV_(\w+) = (\d+)/g)].map(([, name, value], i) => {
    assert.equal(Number(value), i, `${type}: RKV_${name}`);
    return name!.toLowerCase();
  });
}

for (
  const [type, prefix, names] of [
    ["rkv_dtype", "", DTYPES],
    ["rkv_role", "", ROLES],
    ["rkv_evict_kind", "evict_", EVICT_KINDS],
    ["rkv_pool_kind", "pool_", POOL_KINDS],
    ["rkv_select_kind", "select_", SELECT_KINDS],
    ["rkv_rank_mode", "rank_", RANK_MODES],
    ["rkv_sign_mode", "sign_", SIGN_MODES],
  ] as const
) {
  Deno.test(`the names of ${type} are listed in the order of the header`, () => {
    assert.deepEqual(enumNames(type), names.map((name) => prefix + name));
  });
}

Deno.test("the statuses are listed in the order of the header", () => {
  assert.deepEqual(enumNames("rkv_status"), STATUSES.map((name) => name === "OK" ? "ok" : `e_${name.toLowerCase()}`));
});
