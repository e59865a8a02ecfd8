/** Tells who asks, on a deployment: the operator by the key of `sst secret set`, others by keys they were given. */
import type { Context } from "hono";
import { sha256Hex } from "../../../shared/ids.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { KeyStore } from "../../../shared/ports/service-store.ts";
import type { ApiEnv, Identify } from "../../api/access.ts";
import type { Principal } from "../../api/admission/admission.ts";
import { anonymousPrincipal, principalOf, refusalProblem } from "../../api/keys/principal.ts";
import { ProblemError } from "../../api/problem.ts";

type Options = { keys: Pick<KeyStore, "get">; clock: Pick<Clock, "now">; operatorKey: string };

const OPERATOR: Principal = { id: "owner", kind: "owner", scopes: ["admin"], limits: undefined };
const SHORTEST_KEY = 24; // our choice: 24 characters of base64 are 144 bits

/** `x-forwarded-for` holds the client's address alone (functions/runtime/edge.ts). */
export function identifyInCloud({ keys, clock, operatorKey }: Options): Identify {
  if (operatorKey.length < SHORTEST_KEY) {
    throw new Error(
      `the secret OperatorKey is shorter than ${SHORTEST_KEY} characters: npx sst secret set OperatorKey "$(openssl rand -base64 24)"`,
    );
  }
  const operator = sha256Hex(operatorKey);
  return async (context) => {
    const header = context.req.header("authorization");
    const sent = /^bearer +(\S+)$/i.exec(header?.trim() ?? "")?.[1];
    if (sent !== undefined && sameDigest(sha256Hex(sent), operator)) return OPERATOR;
    const known = await principalOf(sent?.includes("rlk_") ? header : undefined, { keys, clock });
    if (known.outcome === "known") return known.principal;
    if (known.outcome !== "no_key") throw new ProblemError(refusalProblem(known));
    return anonymousPrincipal(addressOf(context), operator);
  };
}

/** In the same time wherever they differ. */
function sameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < b.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

const addressOf = (context: Context<ApiEnv>): string | undefined => context.req.header("x-forwarded-for");
