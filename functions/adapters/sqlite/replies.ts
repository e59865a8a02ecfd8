import type { DatabaseSync } from "node:sqlite";
import type { ReplyCache } from "../../../shared/ports/state-store.ts";
import type { Write } from "./group-commit.ts";

export function sqliteReplies(database: DatabaseSync, write: Write): ReplyCache {
  const insert = database.prepare("INSERT INTO replies (key, reply) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const select = database.prepare("SELECT reply FROM replies WHERE key = ?");

  return {
    async getMany(keys) {
      const replies = new Map<string, string>();
      for (const key of keys) {
        const found = select.get(key);
        if (found) replies.set(key, found["reply"] as string);
      }
      return replies;
    },
    putMany: (entries) =>
      write(() => {
        for (const { key, reply } of entries) insert.run(key, reply);
      }),
  };
}
