import { memoryCalls } from "../../functions/adapters/memory/calls.ts";
import { callStoreContract } from "../contract/calls.ts";

callStoreContract("memory", async () => ({ calls: memoryCalls(), close: async () => {} }));
