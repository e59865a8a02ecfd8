/** `rlaifv --server URL keys …`: the operator of a deployment gives keys to others. */
import type { Command } from "commander";
import type { KeyView } from "../../api/contract/keys.ts";
import { jsonOf } from "../../client/client.ts";
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
  type ShownKey,
} from "../key-options.ts";
import { openOutput } from "../output.ts";
import type { Remote } from "./server.ts";

export const keysCommand = (remote: Remote): Command =>
  keysOf([createCommand(remote), listCommand(remote), revokeCommand(remote)]);

function createCommand({ client }: Remote): Command {
  return newCreateCommand().action(async (options: CreateOptions) => {
    const output = openOutput(options);
    const { name, scopes, limits, expiresDays } = keyWish(options);
    const json = {
      ...{ name, scopes },
      limits: {
        requests_per_minute: limits.requestsPerMinute,
        concurrent_requests: limits.concurrentRequests,
        tokens_per_day: limits.tokensPerDay,
        usd_per_day: limits.usdPerDay,
      },
      ...(expiresDays === undefined ? {} : { expires_days: expiresDays }),
    };
    const { key, ...view } = await jsonOf(client.api.v1.keys.$post({ json, header: {} }));
    const shown = shownKey(view);
    output.result({ key, ...shown }, `${key}\n${keyLine(shown, Date.now())}`);
    output.note(KEPT_BY_YOU);
  });
}

function listCommand({ client }: Remote): Command {
  return newListCommand().action(async (options: { json?: boolean }) => {
    const keys: ShownKey[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 100, ...(cursor === undefined ? {} : { cursor }) };
      const page = await jsonOf(client.api.v1.keys.$get({ query }));
      keys.push(...page.items.map(shownKey));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    openOutput(options).result(keys, keyLines(keys, Date.now()));
  });
}

function revokeCommand({ client }: Remote): Command {
  return newRevokeCommand().action(async (id: string, options: { json?: boolean }) => {
    const { outcome } = await jsonOf(client.api.v1.keys[":id"].$delete({ param: { id } }));
    openOutput(options).result({ keyId: id, outcome }, revokedText(id, outcome));
  });
}

/** In the form of this machine's own keys: scripts read one. */
function shownKey({ id, name, scopes, limits, created_at, expires_at, revoked_at }: KeyView): ShownKey {
  return {
    ...{ keyId: id, name, scopes },
    limits: {
      requestsPerMinute: limits.requests_per_minute,
      concurrentRequests: limits.concurrent_requests,
      tokensPerDay: limits.tokens_per_day,
      usdPerDay: limits.usd_per_day,
    },
    createdAt: Date.parse(created_at),
    ...(expires_at === null ? {} : { expiresAt: Date.parse(expires_at) }),
    ...(revoked_at === null ? {} : { revokedAt: Date.parse(revoked_at) }),
  };
}
