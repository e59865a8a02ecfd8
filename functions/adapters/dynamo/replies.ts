import { randomUUID } from "node:crypto";
import type { ReplyCache } from "../../../shared/ports/state-store.ts";
import { replyKey, replyPartKey } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import type { TableRows } from "./table-rows.ts";

/** UTF-16 units in one part: at most 3 bytes each, so a part fits an item (400 KB) whatever the text. Our choice. */
const PART_UNITS = 100_000;

/** For single chats; shards keep their replies in files. A long reply lies in parts, written before the row that names them. */
export function dynamoReplies(rows: TableRows): ReplyCache {
  async function putOne({ key, reply }: { key: string; reply: string }): Promise<void> {
    if (reply.length <= PART_UNITS) return void (await rows.put({ ...replyKey(key), reply }, ABSENT));
    if ((await rows.get(replyKey(key))) !== undefined) return;
    const write = randomUUID();
    const parts = partsOf(reply).map((part, at) => ({ ...replyPartKey(key, write, at), part }));
    await rows.writeMany(parts);
    const { outcome } = await rows.put({ ...replyKey(key), write, parts: parts.length }, ABSENT);
    if (outcome === "refused") await rows.writeMany([], parts);
  }

  async function replyOf(key: string, { write, parts, reply }: Item): Promise<string> {
    if (reply !== undefined) return reply as string;
    const keys = Array.from({ length: parts as number }, (_, at) => replyPartKey(key, write as string, at));
    const found = await rows.getMany(keys);
    const missing = found.indexOf(undefined);
    if (missing !== -1)
      throw new Error(`reply ${key}: part ${missing} of ${parts} is gone; delete its row and ask again`);
    return found.map((part) => part?.["part"]).join("");
  }

  return {
    async getMany(keys) {
      const distinct = [...new Set(keys)];
      const items = await rows.getMany(distinct.map(replyKey));
      const found = distinct.flatMap((key, at) => {
        const item = items[at];
        return item === undefined ? [] : [replyOf(key, item).then((reply): [string, string] => [key, reply])];
      });
      return new Map(await Promise.all(found));
    },
    async putMany(entries) {
      const first = new Map(entries.toReversed().map((entry) => [entry.key, entry]));
      await Promise.all([...first.values()].map(putOne));
    },
  };
}

/** Cuts between characters: half a surrogate pair is no text. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + PART_UNITS, text.length);
    if (to < text.length && /[\ud800-\udbff]/.test(text[to - 1] as string)) to--;
    parts.push(text.slice(from, to));
    from = to;
  }
  return parts;
}
