/** Models that a server runs. */
import { EndpointClient } from "../../lib/endpoint/client.ts";
import { runEndpointUnit } from "../../lib/endpoint/run_endpoint_unit.ts";
import { Slots } from "../../lib/endpoint/slots.ts";
import { RunError, UsageError } from "../../lib/error.ts";
import { resolveModel } from "../../lib/model/hub.ts";
import { openModel } from "../../lib/model/open_model.ts";
import type { ModelSource } from "../../lib/model/types.ts";
import { modelId } from "../../lib/sweep/grid/model_id.ts";
import { loadText } from "../../lib/text/load_text.ts";
import { keyIn } from "../api_key.ts";
import type { OpenModel } from "./models.ts";
import type { StudyFlags } from "./options.ts";
import { note } from "../ui/output.ts";

export type ServedFlags = Pick<StudyFlags, "endpoint" | "tokenizer" | "endpointJobs" | "endpointEcho" | "apiKeyEnv">;

/**
 * @param url   As `endpointAddress()` gives it.
 * @param name  What the server calls the model.
 * @throws {RunError} when the server does not answer, {UsageError} when it has no such model, or there is no tokenizer for it.
 */
export async function openServed(url: string, name: string, flags: ServedFlags): Promise<OpenModel> {
  const { endpoint, tokenizer, endpointJobs, endpointEcho, apiKeyEnv } = flags;
  const source = await openTokenizer(name, tokenizer);
  const key = apiKeyEnv === undefined ? Deno.env.get("OPENAI_API_KEY") || undefined : keyIn(apiKeyEnv);
  const client = new EndpointClient(url, name, { key });
  const served = await client.check().catch((error) => {
    if (!(error instanceof Deno.errors.NotCapable) || endpoint !== undefined) throw error;
    throw new UsageError(
      `Cannot connect to ${url}, which only the grid names: pass --endpoint ${url} too: a command may connect to what ` +
        "its command line names",
    );
  });
  const text = loadText(source.text);
  const contextLength = served.contextLength ?? source.config.contextLength;
  const slots = new Slots(endpointJobs);
  const server = { client, text, contextLength, echo: endpointEcho, slots, onNote: noteOnce() };
  return {
    model: { name, id: await modelId(source), endpoint: url, text, config: null },
    device: url,
    prepared: null,
    load: () =>
      Promise.resolve({
        jobs: endpointJobs,
        run: (unit, { signal }) => runEndpointUnit(server, unit, { signal }),
        [Symbol.dispose]: () => {},
      }),
  };
}

/** The same model's files here, of which the weights are not needed. */
async function openTokenizer(name: string, tokenizer: string | undefined): Promise<ModelSource> {
  try {
    return await openModel(await resolveModel(tokenizer ?? name));
  } catch (error) {
    if (tokenizer !== undefined || !(error instanceof RunError || error instanceof UsageError)) throw error;
    throw new UsageError(
      `Cannot use --endpoint without --tokenizer: expected files here that say how texts of "${name}" become tokens: ` +
        "pass --tokenizer and a pulled model, a folder or a GGUF file",
    );
  }
}

/** One such remark is enough: it would be the same for every sample. */
function noteOnce(): (text: string) => void {
  let said = false;
  return (text) => {
    if (!said) note(text);
    said = true;
  };
}
