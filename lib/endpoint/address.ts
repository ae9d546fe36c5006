import { UsageError } from "../error.ts";

/**
 * The base address of an OpenAI-compatible API, without a slash at its end: `http://host:8000` and `http://host:8000/v1/`
 * both become `http://host:8000/v1`.
 *
 * @throws {UsageError} for anything but an http or https address. A user or password in it would end up in run folders.
 */
export function endpointAddress(text: string): string {
  const wanted = "it must be an address such as http://127.0.0.1:8080/v1";
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new UsageError(`Cannot use --endpoint as ${wanted}: current value is "${text}"`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new UsageError(
      `Cannot use --endpoint as ${wanted}, with the key in an environment variable: see --api-key-env`,
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  return url.origin + (path === "" ? "/v1" : path);
}
