/** Server-sent events: JSON data, one event after the other, `[DONE]` at the end. */
import { errorBody, toApiError } from "./api_error.ts";

/**
 * The response of a stream.
 *
 * @param produce  Sends events until it is done. What it throws becomes a last event, because the status is out by then.
 *   Its signal is aborted when the client goes away.
 */
export function eventStream(
  produce: (send: (data: unknown) => void, signal: AbortSignal) => Promise<void>,
): Response {
  const gone = new AbortController();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const write = (data: string) => {
        if (!gone.signal.aborted) controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      };
      try {
        await produce((data) => write(JSON.stringify(data)), gone.signal);
        write("[DONE]");
      } catch (error) {
        write(JSON.stringify(errorBody(toApiError(error))));
      }
      if (!gone.signal.aborted) controller.close();
    },
    cancel() {
      gone.abort();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}
