import { test } from "node:test";
import fc from "fast-check";
import { memoryLedger } from "../../functions/adapters/memory/ledger.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { LEDGER_STORIES, ledgerStories } from "./ledger-stories.ts";

test(`${LEDGER_STORIES}, in memory`, async () => {
  await fc.assert(
    ledgerStories(async () => ({ ledger: memoryLedger(), close: async () => {} })),
    { numRuns: 400 },
  );
});

test(`${LEDGER_STORIES}, in SQLite`, async () => {
  await fc.assert(
    ledgerStories(async () => openSqliteStore(":memory:")),
    { numRuns: 60 },
  );
});
