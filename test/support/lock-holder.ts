/** Takes and gives back the lock of a folder as it is told, line by line. Usage: node lock-holder.ts FOLDER */
import { createInterface } from "node:readline";
import { acquireLock, type FolderLock } from "../../functions/adapters/files/lock.ts";

const folder = process.argv[2] as string;
let lock: FolderLock | undefined;
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "acquire") {
    lock = await acquireLock(folder);
    process.stdout.write(`${JSON.stringify(lock)}\n`);
  } else if (lock?.outcome === "acquired") {
    await lock.release();
    process.stdout.write("released\n");
  }
}
