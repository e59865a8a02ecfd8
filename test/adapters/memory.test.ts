import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { blobStoreContract } from "../contract/blob-store.ts";
import { stateStoreContract } from "../contract/state-store.ts";

stateStoreContract("memory", async () => memoryStateStore());
blobStoreContract("memory", async () => ({ blobs: memoryBlobStore() }));
