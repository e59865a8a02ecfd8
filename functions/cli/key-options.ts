/** What the commands about keys have in common, on this machine and elsewhere. */
import { Command } from "commander";
import { type ApiKeyRow, KEY_LIMITS, Scope } from "../../shared/schemas/service.ts";
import type { KeyWish } from "../api/keys/make-key.ts";
import { wholeNumber, withCommonOptions } from "./commands/shared.ts";
import { UserError } from "./errors.ts";

/** What is shown of a key: all but its hash. */
export type ShownKey = Omit<ApiKeyRow, "hash">;

export type CreateOptions = {
  json?: boolean;
  name: string;
  scopes: Scope[];
  usdPerDay: number;
  tokensPerDay: number;
  requestsPerMinute: number;
  concurrent: number;
  expiresDays?: number;
};

export const KEPT_BY_YOU = "The key is shown only now: keep it where nobody else reads it.";
export const NO_KEYS = "no keys yet";

export function keysOf(commands: readonly Command[]): Command {
  const keys = new Command("keys").description("make, list and revoke API keys of the service");
  for (const command of commands) keys.addCommand(command.exitOverride());
  return keys;
}

export function newCreateCommand(): Command {
  const command = new Command("create")
    .description("make a key; it is shown once, and only its hash is kept")
    .requiredOption("--name <name>", "whose it is, or what for", keyName)
    .option("--scopes <list>", `what it may do: ${Scope.options.join(",")}`, scopeList, ["chat"])
    .option("--usd-per-day <usd>", "what it may spend a day", amount, KEY_LIMITS.usdPerDay)
    .option("--tokens-per-day <n>", "tokens a day, read and written", wholeNumber(0), KEY_LIMITS.tokensPerDay)
    .option("--requests-per-minute <n>", "requests a minute", wholeNumber(1), KEY_LIMITS.requestsPerMinute)
    .option("--concurrent <n>", "requests at the same time", wholeNumber(1), KEY_LIMITS.concurrentRequests)
    .option("--expires-days <n>", "days until it stops working (default: never)", wholeNumber(1));
  return withCommonOptions(command);
}

export const newListCommand = (): Command =>
  withCommonOptions(new Command("list").description("list the keys, newest first; none can be shown again"));

export const newRevokeCommand = (): Command =>
  withCommonOptions(
    new Command("revoke")
      .argument("<id>", "the key's id, as list tells it: the 12 characters after rlk_")
      .description("make a key stop working, now and for ever"),
  );

export function keyWish(options: CreateOptions): KeyWish {
  const limits = {
    requestsPerMinute: options.requestsPerMinute,
    concurrentRequests: options.concurrent,
    tokensPerDay: options.tokensPerDay,
    usdPerDay: options.usdPerDay,
  };
  return { name: options.name, scopes: options.scopes, limits, expiresDays: options.expiresDays };
}

export const keyLines = (keys: readonly ShownKey[], now: number): string =>
  keys.length === 0 ? NO_KEYS : keys.map((key) => keyLine(key, now)).join("\n");

export function keyLine(key: ShownKey, now: number): string {
  const { usdPerDay, tokensPerDay, requestsPerMinute, concurrentRequests } = key.limits;
  const limits = `$${usdPerDay} and ${tokensPerDay} tokens a day, ${requestsPerMinute} requests a minute, ${concurrentRequests} at once`;
  return [key.keyId, stateOf(key, now).padEnd(18), key.scopes.join(","), limits, key.name].join("  ");
}

export const revokedText = (id: string, outcome: "revoked" | "already_revoked"): string =>
  outcome === "revoked" ? `revoked ${id}` : `${id} was revoked before`;

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
