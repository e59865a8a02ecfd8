import { Command } from "commander";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import { type ApiKeyRow, KEY_LIMITS, Scope } from "../../../shared/schemas/service.ts";
import { newKey, secureBytes } from "../../api/keys/new-key.ts";
import { UserError } from "../errors.ts";
import { openOutput } from "../output.ts";
import { inFolder, inKnownFolder, wholeNumber, withCommonOptions, withDataOption } from "./shared.ts";

/** API keys of the service that runs in a folder; a service at work there knows them at once. */
export function keysCommand(): Command {
  const commands = [createCommand(), listCommand(), revokeCommand()];
  const keys = new Command("keys").description("make, list and revoke API keys of the service");
  for (const command of commands) keys.addCommand(command.exitOverride());
  return keys;
}

type FolderOptions = { data: string; json?: boolean };
type CreateOptions = FolderOptions & {
  name: string;
  scopes: Scope[];
  usdPerDay: number;
  tokensPerDay: number;
  requestsPerMinute: number;
  concurrent: number;
  expiresDays?: number;
};

const MS_PER_DAY = 86_400_000;

function createCommand(): Command {
  const command = new Command("create")
    .description("make a key; it is shown once, and only its hash is kept")
    .requiredOption("--name <name>", "whose it is, or what for", keyName)
    .option("--scopes <list>", `what it may do: ${Scope.options.join(",")}`, scopeList, ["chat"])
    .option("--usd-per-day <usd>", "what it may spend a day", amount, KEY_LIMITS.usdPerDay)
    .option("--tokens-per-day <n>", "tokens a day, read and written", wholeNumber(0), KEY_LIMITS.tokensPerDay)
    .option("--requests-per-minute <n>", "requests a minute", wholeNumber(1), KEY_LIMITS.requestsPerMinute)
    .option("--concurrent <n>", "requests at the same time", wholeNumber(1), KEY_LIMITS.concurrentRequests)
    .option("--expires-days <n>", "days until it stops working (default: never)", wholeNumber(1));
  return withDataOption(withCommonOptions(command)).action(async (options: CreateOptions) => {
    const output = openOutput(options);
    await inFolder(options.data, async ({ store, clock }) => {
      const { key, row } = await storeNewKey(store.service.keys, options, clock.now());
      const { hash: _hash, ...shown } = row;
      output.result({ key, ...shown }, `${key}\n${keyLine(row, clock.now())}`);
      output.note("The key is shown only now: keep it where nobody else reads it.");
    });
  });
}

async function storeNewKey(keys: KeyStore, options: CreateOptions, now: number) {
  const { key, keyId, hash } = newKey(secureBytes);
  const row: ApiKeyRow = {
    keyId,
    hash,
    name: options.name,
    scopes: options.scopes,
    limits: {
      requestsPerMinute: options.requestsPerMinute,
      concurrentRequests: options.concurrent,
      tokensPerDay: options.tokensPerDay,
      usdPerDay: options.usdPerDay,
    },
    createdAt: now,
    ...(options.expiresDays === undefined ? {} : { expiresAt: now + options.expiresDays * MS_PER_DAY }),
  };
  const { outcome } = await keys.create(row);
  if (outcome === "already_there") throw new Error(`two keys got the same id ${keyId}: the random generator is broken`);
  return { key, row };
}

function listCommand(): Command {
  const command = new Command("list").description("list the keys, newest first; none can be shown again");
  return withDataOption(withCommonOptions(command)).action(async (options: FolderOptions) => {
    await inKnownFolder(options.data, async ({ store, clock }) => {
      const keys = (await allKeys(store.service.keys)).map(({ hash: _hash, ...key }) => key);
      const lines = keys.map((key) => keyLine(key, clock.now()));
      openOutput(options).result(keys, lines.length === 0 ? "no keys yet" : lines.join("\n"));
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
  const command = new Command("revoke")
    .argument("<id>", "the key's id, as list tells it: the 12 characters after rlk_")
    .description("make a key stop working, now and for ever");
  return withDataOption(withCommonOptions(command)).action(async (id: string, options: FolderOptions) => {
    await inKnownFolder(options.data, async ({ store, clock }) => {
      const { outcome } = await store.service.keys.revoke(id, clock.now());
      if (outcome === "unknown_key") {
        throw new UserError(`there is no key ${id} in this folder`, { fix: 'list them with "rlaifv keys list"' });
      }
      const text = outcome === "revoked" ? `revoked ${id}` : `${id} was revoked before`;
      openOutput(options).result({ keyId: id, outcome }, text);
    });
  });
}

function keyLine(key: Omit<ApiKeyRow, "hash">, now: number): string {
  const { usdPerDay, tokensPerDay, requestsPerMinute, concurrentRequests } = key.limits;
  const limits = `$${usdPerDay} and ${tokensPerDay} tokens a day, ${requestsPerMinute} requests a minute, ${concurrentRequests} at once`;
  return [key.keyId, stateOf(key, now).padEnd(18), key.scopes.join(","), limits, key.name].join("  ");
}

function stateOf({ revokedAt, expiresAt }: Pick<ApiKeyRow, "revokedAt" | "expiresAt">, now: number): string {
  const day = (at: number) => new Date(at).toISOString().slice(0, 10);
  if (revokedAt !== undefined) return `revoked ${day(revokedAt)}`;
  if (expiresAt === undefined) return "works";
  return `${expiresAt <= now ? "expired" : "until"} ${day(expiresAt)}`;
}

function keyName(text: string): string {
  if (text.length >= 1 && text.length <= 80) return text;
  throw new UserError(`a key's name has 1 to 80 characters, this one ${text.length}`, {
    fix: "give a short one, e.g. --name console",
  });
}

function scopeList(text: string): Scope[] {
  const words = [...new Set(text.split(",").map((word) => word.trim()))];
  const unknown = words.find((word) => !Scope.safeParse(word).success);
  if (unknown === undefined) return words as Scope[];
  throw new UserError(`"${unknown}" is no scope`, {
    fix: `choose from ${Scope.options.join(", ")}, with commas between`,
  });
}

function amount(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new UserError(`"${text}" is no amount of USD`, { fix: "give e.g. 5 or 0.25" });
}
