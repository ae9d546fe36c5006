/** Models that a server runs. */
import { EndpointClient } from "../lib/endpoint/client.ts";
import { runEndpointUnit } from "../lib/endpoint/run_endpoint_unit.ts";
import { resolveModel } from "../lib/model/hub.ts";
import { openModel } from "../lib/model/open_model.ts";
import { modelId } from "../lib/sweep/model_id.ts";
import { loadText } from "../lib/text/load_text.ts";
import type { OpenModel } from "./study_models.ts";
import { note } from "./ui/output.ts";

/**
 * @param url        As `endpointAddress()` gives it.
 * @param name       What the server calls the model.
 * @param tokenizer  The same model's files here, of which the weights are not needed.
 * @throws {RunError} when the server does not answer, {UsageError} when it has no such model.
 */
export async function openServed(url: string, name: string, tokenizer: string): Promise<OpenModel> {
  const client = new EndpointClient(url, name);
  const served = await client.check();
  const source = await openModel(await resolveModel(tokenizer));
  const text = loadText(source.text);
  const contextLength = served.contextLength ?? source.config.contextLength;
  const endpoint = { client, text, contextLength, echo: false, jobs: 1, onNote: note };
  return {
    model: { name, id: await modelId(source), endpoint: url, text, config: null },
    device: url,
    prepared: null,
    load: () =>
      Promise.resolve({
        run: (unit, { signal }) => runEndpointUnit(endpoint, unit, { signal }),
        [Symbol.dispose]: () => {},
      }),
  };
}
