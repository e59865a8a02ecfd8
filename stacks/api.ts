/** The public door: CloudFront with a firewall before the API's function, which nobody else can call. */
import { EDGE_HEADERS } from "../functions/runtime/edge.ts";
import { EDGE } from "./plan.ts";
import type { Settings } from "./settings.ts";
import { type Base, workerFunction } from "./workers.ts";

/** AWS's managed policy "CachingDisabled". */
const CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";

/**
 * Origin access control signs every request to the function, and the signature takes the place of the client's
 * `Authorization`: the key travels on in a header of our own, beside the client's address. What a client sends under these
 * names is overwritten or dropped.
 */
const TO_ORIGIN = `
  delete event.request.headers["${EDGE_HEADERS.authorization}"];
  if (event.request.headers.authorization) {
    event.request.headers["${EDGE_HEADERS.authorization}"] = { value: event.request.headers.authorization.value };
  }
  event.request.headers["${EDGE_HEADERS.address}"] = { value: event.viewer.ip };
`;

/**
 * Edge signing: Lambda takes no unsigned bodies from CloudFront, and OpenAI's clients cannot send the hash that signing
 * needs, so a function at the edge computes it. It sees bodies up to 1 MB.
 */
export function frontDoor(settings: Settings): sst.aws.Router {
  return new sst.aws.Router("Router", {
    ...(settings.RLAIFV_DOMAIN === undefined ? {} : { domain: settings.RLAIFV_DOMAIN }),
    protection: "oac-with-edge-signing",
    edge: { viewerRequest: { injection: TO_ORIGIN } },
    waf: {
      rateLimitPerIp: EDGE.requestsPerIp,
      managedRules: { coreRuleSet: true, knownBadInputs: true, sqlInjection: false }, // there is no SQL behind it
    },
    transform: {
      waf: (args) => {
        args.rules = $util.output(args.rules).apply((rules) => (rules ?? []).map(countedBodies));
        return undefined;
      },
      cdn: (args) => {
        // SST's policy keys a cached answer by its address alone and joins requests that wait for the same one: answers
        // here belong to a key. Files of the console are kept by the browser.
        args.defaultCacheBehavior = $util
          .output(args.defaultCacheBehavior)
          .apply((behavior) => ({ ...behavior, cachePolicyId: CACHING_DISABLED }));
        return undefined;
      },
    },
  });
}

type GroupRule = { statement?: { managedRuleGroupStatement?: { name: string } } };

function countedBodies<Rule extends GroupRule>(rule: Rule): Rule {
  const group = rule.statement?.managedRuleGroupStatement;
  if (group?.name !== "AWSManagedRulesCommonRuleSet") return rule;
  const ruleActionOverrides = EDGE.countedBodyRules.map((name) => ({ name, actionToUse: { count: {} } }));
  return { ...rule, statement: { managedRuleGroupStatement: { ...group, ruleActionOverrides } } };
}

/** `consoleFiles`: the folder of the built console, which the function serves at `/`. */
export function apiFunction(base: Base, router: sst.aws.Router, consoleFiles: string): sst.aws.Function {
  const { RLAIFV_SERVE_URL, RLAIFV_SERVE_MODEL, RLAIFV_CORS_ORIGIN } = base.settings;
  return workerFunction("api", base, undefined, {
    streaming: true,
    copyFiles: [{ from: consoleFiles, to: "console" }],
    environment: {
      ...(RLAIFV_SERVE_URL === undefined ? {} : { RLAIFV_SERVE_URL }),
      ...(RLAIFV_SERVE_MODEL === undefined ? {} : { RLAIFV_SERVE_MODEL }),
      ...(RLAIFV_CORS_ORIGIN === undefined ? {} : { RLAIFV_CORS_ORIGIN }),
    },
    url: {
      authorization: "iam",
      cors: false, // the API answers for itself
      router: {
        instance: router,
        path: "/",
        readTimeout: `${EDGE.readTimeoutSeconds} seconds`,
        keepAliveTimeout: `${EDGE.keepAliveSeconds} seconds`,
      },
    },
  });
}
