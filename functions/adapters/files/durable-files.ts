/** File operations that are on disk when they resolve, and reads that know absence. */
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a new file at `path`, chunk by chunk, and syncs its content. Returns its bytes. */
export async function writeSynced(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const file = await open(path, "wx");
  try {
    let bytes = 0;
    for await (const chunk of chunks) {
      await writeAll(file, chunk);
      bytes += chunk.length;
    }
    await file.datasync();
    return bytes;
  } finally {
    await file.close();
  }
}

/** Puts a finished file in its place, in one step, whatever was there before. */
export async function renameSynced(from: string, to: string): Promise<void> {
  await makeFolder(dirname(to));
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Replaces the file at `path` whole or not at all; `unfinished` is where it grows. */
export async function replaceFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  unfinished: string,
): Promise<number> {
  try {
    const bytes = await writeSynced(unfinished, chunks);
    await renameSynced(unfinished, path);
    return bytes;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** A file opened for reading with its size, or `undefined` where there is none (a folder is none). */
export async function openExisting(path: string): Promise<{ file: FileHandle; size: number } | undefined> {
  const file = await open(path, "r").catch(undefinedIfAbsent);
  if (!file) return undefined;
  const info = await file.stat();
  if (info.isFile()) return { file, size: info.size };
  await file.close();
  return undefined;
}

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(undefinedIfAbsent))?.isFile() ?? false;
}

/** `length` bytes from `offset` on, fewer where the file ends. */
export async function readBytes(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** One write call may take fewer bytes than it was given. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten;
}

/** A new folder is durable only when the folder that lists it is synced too. */
async function makeFolder(path: string): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true });
  if (firstMade === undefined) return;
  for (let made = path; made.length >= firstMade.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; there the rename alone has to do.
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function undefinedIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
}
