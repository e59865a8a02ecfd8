/** Tells who asks, on a server of one machine. */
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import type { Clock } from "../../shared/ports/clock.ts";
import type { KeyStore } from "../../shared/ports/service-store.ts";
import type { ApiEnv, Identify } from "../api/access.ts";
import type { Principal } from "../api/admission/admission.ts";
import { anonymousPrincipal, principalOf, refusalProblem } from "../api/keys/principal.ts";
import { ProblemError } from "../api/problem.ts";
import { fromOwnMachine } from "./own-machine.ts";

export type IdentifyOptions = {
  keys: Pick<KeyStore, "get">;
  clock: Pick<Clock, "now">;
  /** Whether the user of this machine needs no key (own-machine.ts). */
  ownerWithoutKey: boolean;
  /** Whether people without a key may chat. */
  anonymousChat: boolean;
  /** Believe `X-Forwarded-For`: only behind a proxy that sets it. */
  trustProxy: boolean;
  /** Hides the addresses of anonymous people in their ids. */
  salt: string;
};

const OWNER: Principal = { id: "owner", kind: "owner", scopes: ["admin"], limits: undefined };

export function identifyLocally(options: IdentifyOptions): Identify {
  return async (context) => {
    const header = ownKey(context.req.header("authorization"));
    const known = await principalOf(header, options);
    if (known.outcome === "known") return known.principal;
    if (known.outcome !== "no_key") throw new ProblemError(refusalProblem(known));
    if (options.ownerWithoutKey && isOwner(context)) return OWNER;
    const anonymous = anonymousPrincipal(clientAddress(context, options), options.salt);
    return options.anonymousChat ? anonymous : { ...anonymous, scopes: [] };
  };
}

/** OpenAI's clients always send a key ("none", "EMPTY", …): one that is not of our making is none. */
function ownKey(header: string | undefined): string | undefined {
  return header?.includes("rlk_") ? header : undefined;
}

function isOwner(context: Context<ApiEnv>): boolean {
  return fromOwnMachine({
    remoteAddress: remoteAddress(context),
    host: context.req.header("host"),
    origin: context.req.header("origin"),
    fetchSite: context.req.header("sec-fetch-site"),
  });
}

/** The last proxy's word: what stands further left in the header, anybody may have written. */
function clientAddress(context: Context<ApiEnv>, { trustProxy }: IdentifyOptions): string | undefined {
  const forwarded = trustProxy ? context.req.header("x-forwarded-for")?.split(",").at(-1)?.trim() : undefined;
  return forwarded ?? remoteAddress(context);
}

function remoteAddress(context: Context<ApiEnv>): string | undefined {
  return getConnInfo(context).remote.address;
}
