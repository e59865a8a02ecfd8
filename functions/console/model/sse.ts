/** Server-sent events out of a text stream, for `fetch`: an EventSource can send neither a key nor a body. */

export type SseMessage = { id: string | undefined; event: string; data: string };

/**
 * A parser to feed with text as it comes, cut anywhere; gives the messages that became whole.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export function sseParser(): (text: string) => SseMessage[] {
  let rest = "";
  let open: { id?: string; event?: string; data: string[] } = { data: [] };
  const endMessage = (): SseMessage[] => {
    const { id, event = "message", data } = open;
    open = { data: [] };
    return data.length === 0 ? [] : [{ id, event, data: data.join("\n") }];
  };
  const takeLine = (line: string): SseMessage[] => {
    if (line === "") return endMessage();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") open.data.push(value);
    else if (field === "id" || field === "event") open[field] = value;
    return []; // a comment (empty field) keeps the connection open and says nothing
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    return lines.flatMap(takeLine);
  };
}

/** The messages of a response body, until it ends. */
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage> {
  const parse = sseParser();
  const decoder = new TextDecoder();
  const reader = body.getReader(); // Safari has no async iteration of streams
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    yield* parse(decoder.decode(read.value, { stream: true }));
  }
  yield* parse("\n\n");
}
