/**
 * Writes without end and prints the number of each piece of work once every store has acknowledged it.
 * Usage: node durable-writer.ts sqlite|folder PATH FIRST
 */
import { folderBlobStore } from "../../functions/adapters/files/blob-store.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { contentOf, HOT_KEY, keyOf, RUN, replyOf, sampleOf } from "./durable-work.ts";

const IN_FLIGHT = 12;
const [kind, path = "", first = "0"] = process.argv.slice(2);
const work = kind === "sqlite" ? await sqliteWork() : await folderWork();
let next = Number(first);
await Promise.all(Array.from({ length: IN_FLIGHT }, writeForEver));

async function writeForEver(): Promise<never> {
  for (;;) {
    const index = next++;
    await work(index);
    // Pipes are written synchronously: a line that was printed is with the parent even if this process dies now.
    process.stdout.write(`${index}\n`);
  }
}

async function sqliteWork() {
  const { samples, ledger, replies } = openSqliteStore(path);
  await ledger.open(RUN, Number.MAX_SAFE_INTEGER);
  return async (index: number) => {
    const row = sampleOf(index);
    await samples.createMany([row]);
    await Promise.all([
      samples.move(RUN, row.passId, [{ sampleId: row.sampleId, from: "submitted", attempt: 0, to: "generated" }]),
      ledger.reserve({ id: `${index}`, amounts: [{ account: RUN, amount: 3 }], leaseUntil: 0 }),
      replies.putMany([{ key: `${index}`, reply: replyOf(index) }]),
    ]);
  };
}

async function folderWork() {
  const blobs = await folderBlobStore(path);
  return async (index: number) => {
    await Promise.all([
      blobs.write(keyOf(index), contentOf(index)),
      blobs.writeContent(Buffer.from(contentOf(index))),
      blobs.write(HOT_KEY, contentOf(index)),
    ]);
  };
}
