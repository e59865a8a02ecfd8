import { after, before, describe } from "node:test";
import { s3BlobStore } from "../../../functions/adapters/s3/blob-store.ts";
import { blobStoreContract } from "../../contract/blob-store.ts";
import { type Emulator, freshBucket, noMoto, startFaux, startMoto } from "../../support/s3-emulators.ts";

/** Small enough that the contract's twenty megabytes come in parts (S3's least). */
const PART_BYTES = 5 * 1024 * 1024;

const FAUX_SORTS = "fauxqs lists in the order of a dictionary, S3 in that of UTF-8 bytes";

for (const { name, start, missing, broken } of [
  { name: "moto", start: startMoto, missing: noMoto, broken: {} },
  {
    name: "fauxqs",
    start: startFaux,
    missing: false,
    broken: { "lists keys with a prefix in ascending order": FAUX_SORTS },
  },
]) {
  describe(`S3 as ${name} speaks it`, { skip: missing }, () => {
    let emulator: Emulator;
    before(async () => {
      emulator = await start();
    });
    after(() => emulator.stop());

    const open = async () => {
      const place = await freshBucket(emulator);
      return { blobs: s3BlobStore({ ...place, partBytes: PART_BYTES }), remove: async () => place.client.destroy() };
    };
    blobStoreContract(`S3 (${name})`, open, broken);
  });
}
