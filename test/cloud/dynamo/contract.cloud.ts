import { describe } from "node:test";
import { callStoreContract } from "../../contract/calls.ts";
import { serviceStoreContract } from "../../contract/service-store.ts";
import { stateStoreContract } from "../../contract/state-store.ts";
import { noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";

describe("over DynamoDB Local", { skip: noDynamo }, () => {
  stateStoreContract("DynamoDB", async () => (await openLocalDynamo()).store);
  serviceStoreContract("DynamoDB", async () => {
    const { store } = await openLocalDynamo();
    return { service: store.service, close: store.close };
  });
  callStoreContract("DynamoDB", async () => {
    const { store } = await openLocalDynamo();
    return { calls: store.calls, close: store.close };
  });
});
