/** Configurations as flat lists of fields, for people. */
import { canonicalJson } from "../sweep/grid/cell.ts";
import type { Json } from "../tasks/sample.ts";

/** `task.name` by `ruler/vt`, at every depth; lists are one value. */
export function flatFields(value: object, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([name, field]): (readonly [string, string])[] => {
      const path = `${prefix}${name}`;
      if (typeof field === "object" && field !== null && !Array.isArray(field)) {
        return [...flatFields(field, `${path}.`)];
      }
      return [[path, typeof field === "string" ? field : canonicalJson(field as Json)]];
    }),
  );
}

/** Every field of many, with the values that it has among them in order; `-` stands for none. */
export function fieldValues(values: readonly object[]): Map<string, string[]> {
  const flat = values.map((value) => flatFields(value));
  const names = new Set(flat.flatMap((fields) => [...fields.keys()]));
  return new Map([...names].map((name) => [name, [...new Set(flat.map((fields) => fields.get(name) ?? "-"))]]));
}
