import { test } from "node:test";
import fc from "fast-check";
import { LEDGER_STORIES, ledgerStories } from "../../properties/ledger-stories.ts";
import { noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";

test(`${LEDGER_STORIES}, over DynamoDB Local`, { skip: noDynamo }, async () => {
  await fc.assert(
    ledgerStories(async () => (await openLocalDynamo()).store),
    { numRuns: 15 },
  );
});
