import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { openZip } from "../../../functions/evals/fetch/zip.ts";
import { EvaluationError } from "../../../functions/evals/problems.ts";
import { temporaryFolder } from "../../intake/support.ts";
import { zipOf } from "./zips.ts";

test("stored and packed entries come out as they went in", async (t) => {
  const folder = await temporaryFolder(t);
  const stored = await zipOf({ "a/one.txt": "one", "two.txt": "", "ü.txt": "zwölf" });
  await writeFile(join(folder, "stored.zip"), stored);
  await writeFile(join(folder, "packed.zip"), packed("deep/words.txt", Buffer.from("word ".repeat(10_000))));
  await using first = await openZip(join(folder, "stored.zip"));
  assert.deepEqual(
    first.entries.map(({ name }) => name),
    ["a/one.txt", "two.txt", "ü.txt"],
  );
  for (const [at, text] of ["one", "", "zwölf"].entries()) {
    await first.extract(first.entries[at]!, join(folder, "out"));
    assert.equal(await readFile(join(folder, "out"), "utf8"), text);
  }
  await using second = await openZip(join(folder, "packed.zip"));
  await second.extract(second.entries[0]!, join(folder, "out"));
  assert.equal(await readFile(join(folder, "out"), "utf8"), "word ".repeat(10_000));
});

test("a damaged archive, one that is cut off and one whose entry grows are refused by name", async (t) => {
  const folder = await temporaryFolder(t);
  const path = join(folder, "a.zip");
  const whole = packed("words.txt", Buffer.from("word ".repeat(100)));
  const refused = async (bytes: Buffer) => {
    await writeFile(path, bytes);
    const work = async () => {
      await using zip = await openZip(path);
      await zip.extract(zip.entries[0]!, join(folder, "out"));
    };
    await assert.rejects(work, (error) => error instanceof EvaluationError && error.message.startsWith(path));
  };
  await refused(Buffer.from("no archive at all"));
  await refused(whole.subarray(0, whole.length - 30));
  const flipped = Buffer.from(whole);
  flipped[40]! ^= 0xff;
  await refused(flipped);
  const grows = Buffer.from(whole);
  grows.writeUInt32LE(10, grows.indexOf(Buffer.from([0x50, 0x4b, 1, 2])) + 24); // fewer bytes announced than come
  await refused(grows);
});

/** One entry, packed as most archives are. */
function packed(name: string, content: Buffer): Buffer {
  const body = deflateRawSync(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50);
  local.writeUInt16LE(8, 8);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50);
  central.writeUInt16LE(8, 10);
  central.writeUInt32LE(crcOf(content), 16);
  central.writeUInt32LE(body.length, 20);
  central.writeUInt32LE(content.length, 24);
  central.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length + name.length, 12);
  end.writeUInt32LE(local.length + name.length + body.length, 16);
  return Buffer.concat([local, Buffer.from(name), body, central, Buffer.from(name), end]);
}

/** CRC-32 (ISO 3309), bit by bit: apart from the one that is tested. */
function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
