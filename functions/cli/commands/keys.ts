import type { Command } from "commander";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import type { ApiKeyRow } from "../../../shared/schemas/service.ts";
import { makeKey } from "../../api/keys/make-key.ts";
import { UserError } from "../errors.ts";
import {
  type CreateOptions,
  KEPT_BY_YOU,
  keyLine,
  keyLines,
  keysOf,
  keyWish,
  newCreateCommand,
  newListCommand,
  newRevokeCommand,
  revokedText,
} from "../key-options.ts";
import { openOutput } from "../output.ts";
import { inFolder, inKnownFolder, withDataOption } from "./shared.ts";

/** API keys of the service that runs in a folder; a service at work there knows them at once. */
export const keysCommand = (): Command => keysOf([createCommand(), listCommand(), revokeCommand()]);

type FolderOptions = { data: string; json?: boolean };

function createCommand(): Command {
  return withDataOption(newCreateCommand()).action(async (options: CreateOptions & FolderOptions) => {
    const output = openOutput(options);
    await inFolder(options.data, async ({ store, clock }) => {
      const { key, row } = await makeKey(keyWish(options), { keys: store.service.keys, clock });
      const { hash: _hash, ...shown } = row;
      output.result({ key, ...shown }, `${key}\n${keyLine(row, clock.now())}`);
      output.note(KEPT_BY_YOU);
    });
  });
}

function listCommand(): Command {
  return withDataOption(newListCommand()).action(async (options: FolderOptions) => {
    await inKnownFolder(options.data, async ({ store, clock }) => {
      const keys = (await allKeys(store.service.keys)).map(({ hash: _hash, ...key }) => key);
      openOutput(options).result(keys, keyLines(keys, clock.now()));
    });
  });
}

async function allKeys(store: KeyStore): Promise<ApiKeyRow[]> {
  const keys: ApiKeyRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: 100, ...(cursor === undefined ? {} : { cursor }) });
    keys.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}

function revokeCommand(): Command {
  return withDataOption(newRevokeCommand()).action(async (id: string, options: FolderOptions) => {
    await inKnownFolder(options.data, async ({ store, clock }) => {
      const { outcome } = await store.service.keys.revoke(id, clock.now());
      if (outcome === "unknown_key") {
        throw new UserError(`there is no key ${id} in this folder`, { fix: 'list them with "rlaifv keys list"' });
      }
      openOutput(options).result({ keyId: id, outcome }, revokedText(id, outcome));
    });
  });
}
