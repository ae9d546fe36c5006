/** A request's JSON body, field by field. Fields that are null count as left out; unknown ones are nobody's business. */
import { ApiError, badField } from "./api_error.ts";

export type Body = Readonly<Record<string, unknown>>;

/** @throws {ApiError} unless the body is a JSON object. */
export async function readBody(request: Request): Promise<Body> {
  const text = await request.text();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw new ApiError(400, `Cannot read the request: expected JSON: ${(error as Error).message}`);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError(400, "Cannot read the request: expected a JSON object");
  }
  return body as Body;
}

/** A number of a body. `whole` refuses fractions. @throws {ApiError} */
export function numberOf(
  body: Body,
  name: string,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean },
): number | undefined {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
    throw badField(name, `${whole ? "an integer" : "a number"} between ${min} and ${max}`, value);
  }
  return value;
}

/** @throws {ApiError} */
export function switchOf(body: Body, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value !== "boolean") throw badField(name, "true or false", value);
  return value;
}

/** One text or up to four, none of them empty: the `stop` of a body. @throws {ApiError} */
export function stopsOf(body: Body): string[] {
  const value = body["stop"] ?? [];
  const stops = Array.isArray(value) ? value : [value];
  if (stops.length > 4 || stops.some((stop) => typeof stop !== "string" || stop === "")) {
    throw badField("stop", "a text or a list of up to 4", value);
  }
  return stops as string[];
}

/** What this server cannot do must not be asked for: an answer without it would be taken for one with it. */
export function refuseUnsupported(body: Body, harmless: Readonly<Record<string, readonly unknown[]>>): void {
  for (const [name, values] of Object.entries(harmless)) {
    const value = body[name] ?? null;
    if (value === null || values.some((one) => JSON.stringify(one) === JSON.stringify(value))) continue;
    throw new ApiError(400, `Cannot use ${name} ${JSON.stringify(value)}: this server does not have it`, name);
  }
}
