import {
  answerAfter,
  askedAt,
  type ChatAnswer,
  type ChatRequest,
  type Chunk,
  chatBody,
  ended,
  failed,
  shownHeaders,
} from "../../model/chat.ts";
import { readSse } from "../../model/sse.ts";
import { perFrame } from "../live/frames.ts";
import { call } from "../service.ts";

/** Asks one model; `show` gets the answer at most once a frame, and once more at the end. Aborting the signal stops the generation. */
export async function ask(
  request: ChatRequest,
  signal: AbortSignal,
  show: (answer: ChatAnswer) => void,
): Promise<void> {
  let answer = askedAt(request.model, Date.now());
  const frames = perFrame<Chunk>((chunks) => {
    for (const chunk of chunks) answer = answerAfter(answer, chunk, Date.now());
    show(answer);
  });
  show(answer);
  try {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(chatBody(request));
    const response = await call("/v1/chat/completions", { method: "POST", headers, body, signal });
    answer = { ...answer, headers: shownHeaders(response.headers) };
    for await (const { data } of readSse(response.body!)) if (data !== "[DONE]") frames.add(JSON.parse(data) as Chunk);
    frames.flush();
    answer = ended(answer, "done", Date.now());
  } catch (cause) {
    frames.flush();
    answer = signal.aborted
      ? ended(answer, "stopped", Date.now())
      : failed(answer, cause instanceof Error ? cause.message : String(cause), Date.now());
  }
  show(answer);
}
