/**
 * Lines of stdin as they are typed or piped, without their ends. Ends with the input, or when the signal is aborted.
 *
 * @param options.prompt  Shown on stderr before each line.
 */
export async function* readLines(
  { prompt, signal, input = Deno.stdin.readable }: {
    prompt: string;
    signal: AbortSignal;
    input?: ReadableStream<Uint8Array<ArrayBuffer>>;
  },
): AsyncGenerator<string> {
  const reader = input.pipeThrough(new TextDecoderStream()).getReader();
  const aborted = new Promise<{ done: true; value: undefined }>((resolve) => {
    signal.addEventListener("abort", () => resolve({ done: true, value: undefined }));
  });
  const show = () => Deno.stderr.writeSync(new TextEncoder().encode(prompt));
  let rest = "";
  show();
  while (!signal.aborted) {
    const { done, value } = await Promise.race([reader.read(), aborted]);
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      yield line.replace(/\r$/, "");
      if (signal.aborted) return;
      show();
    }
  }
  if (rest !== "" && !signal.aborted) yield rest;
}
