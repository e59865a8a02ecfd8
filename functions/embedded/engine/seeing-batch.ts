import type { BatchLine, ChatCompletion, ChatReply } from "../../../shared/schemas/chat.ts";
import type { Prefix } from "../model/prefix-graph.ts";
import { PROMPT_BATCH } from "../model/prompt-graph.ts";
import type { ImageTokens } from "../model/vision-graph.ts";
import { lazy } from "./lazy.ts";
import type { LoadedModel } from "./models.ts";
import type { pictureReader } from "./pictures.ts";
import { BadRequest, lastTurn, onlyImage } from "./request.ts";
import type { Seen, seeingModels } from "./seeing.ts";

type Pictures = ReturnType<typeof pictureReader>;
type Seeing = ReturnType<typeof seeingModels>;
export type Send = (reply: ChatReply) => void;

export const completedReply = (line: BatchLine, completion: ChatCompletion): ChatReply => ({
  outcome: "completed",
  custom_id: line.custom_id,
  completion,
});

/** A bad request is a reply; anything else is a defect of the engine and ends the batch. */
export function failedReply(line: BatchLine, error: unknown): ChatReply {
  if (!(error instanceof BadRequest)) throw error;
  return { outcome: "failed", custom_id: line.custom_id, failure: error.failure };
}

/** The lines that name one picture, with its URL; the others are answered with what is wrong. */
function withUrls(lines: readonly BatchLine[], send: Send): { line: BatchLine; url: string }[] {
  return lines.flatMap((line) => {
    try {
      return [{ line, url: onlyImage(lastTurn(line.body)) }];
    } catch (error) {
      send(failedReply(line, error));
      return [];
    }
  });
}

/** Reads all pictures of the lines together, and their prefixes together when the first is asked for. */
export async function seeLines(
  { pictures, signal }: { pictures: Pictures; signal: AbortSignal },
  model: LoadedModel,
  lines: readonly BatchLine[],
  send: Send,
) {
  const named = withUrls(lines, send);
  const urls = named.map(({ url }) => url);
  const read = await pictures.read(model, urls, signal);
  const images = new Map<string, ImageTokens>();
  for (const [url, image] of read) if (!(image instanceof BadRequest)) images.set(url, image);
  const prefixes = lazy(async (): Promise<Map<string, Prefix>> => {
    const made = await pictures.prefix(model, [...images.values()], signal);
    return new Map([...images.keys()].map((url, i) => [url, made[i]!]));
  });
  return named.flatMap(({ line, url }): { line: BatchLine; seen: Seen }[] => {
    const image = images.get(url);
    if (image) return [{ line, seen: { body: line.body, image, prefix: async () => (await prefixes()).get(url)! } }];
    send(failedReply(line, read.get(url)));
    return [];
  });
}

/**
 * Answers the lines of one model that sees: one-token questions pass by pass, then the rest as texts written side by side.
 * Throws the signal's reason when it is raised.
 */
export async function answerSeeing(
  world: { pictures: Pictures; seeing: Seeing; signal: AbortSignal },
  model: LoadedModel,
  lines: readonly BatchLine[],
  send: Send,
): Promise<void> {
  const { seeing, signal } = world;
  const chats = await seeLines(world, model, lines, send);
  const split = chats.map((chat) => ({ ...chat, ids: seeing.oneTokenIds(model, chat.seen) }));
  const single = split.flatMap(({ line, seen, ids }) => (ids ? [{ line, seen, ids }] : []));
  const written = split.filter(({ ids }) => ids === undefined);
  for (let start = 0; start < single.length; start += PROMPT_BATCH) {
    signal.throwIfAborted();
    const part = single.slice(start, start + PROMPT_BATCH);
    const labels = await seeing.labelAll(model, part);
    labels.forEach((completion, i) => {
      send(completedReply(part[i]!.line, completion));
    });
  }
  await Promise.all(
    written.map(async ({ line, seen }) => send(completedReply(line, await seeing.writeOne(model, seen, { signal })))),
  );
}
