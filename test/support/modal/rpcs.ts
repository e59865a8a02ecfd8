/** What the fake answers to each RPC that the SDK makes for functions, classes, calls and apps. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { CallContext } from "nice-grpc";
import { ServerError, Status } from "nice-grpc";
import type { Bound, Deployed, FakeApps, Target } from "./apps.ts";
import type { BlobServer } from "./blobs.ts";
import type { FakeCall, FakeCalls } from "./calls.ts";
import type { Answer, Asked, ModalProto, RpcName } from "./proto.ts";
import { decodeInput, metadataOf, optionsOf, outputOf, parametersOf } from "./wire.ts";

export type RpcHandlers = {
  [Name in RpcName]?: (request: Asked<Name>, context: CallContext) => Promise<Answer<Name>> | Answer<Name>;
};
export type RpcParts = {
  proto: ModalProto;
  apps: FakeApps;
  calls: FakeCalls;
  blobs: BlobServer;
  /** Calls whose results Modal no longer keeps. */
  expired: ReadonlySet<string>;
  /** The one environment there is; an empty name means it too. */
  environment: string;
};
/** An access token's life, seconds: as long as any test. */
const TOKEN_SECONDS = 3_600;
const DEPLOYED = 3;

export function rpcHandlers(parts: RpcParts): RpcHandlers {
  return { ...lookups(parts), ...invocations(parts), ...scaling(parts), ...transfers(parts) };
}

function missing(what: string): ServerError {
  return new ServerError(Status.NOT_FOUND, `${what} not found`);
}

function lookups({ proto, apps, environment }: RpcParts): RpcHandlers {
  const checkEnvironment = (name = ""): void => {
    if (name !== "" && name !== environment) throw missing(`environment ${name}`);
  };
  const lifecycleOf = (name: string): Answer<"appGetOrCreate">["handleMetadata"] => {
    const version = apps.newest(name);
    if (version === undefined) throw missing(`app ${name}`);
    return {
      description: name,
      appId: `ap-${name}`,
      environmentName: environment,
      lifecycle: { appState: DEPLOYED, version },
    };
  };
  return {
    authTokenGet: () => ({
      token: `${json64({ alg: "none" })}.${json64({ exp: Date.now() / 1000 + TOKEN_SECONDS })}.x`,
    }),
    appGetOrCreate: ({ appName = "", environmentName }) => {
      checkEnvironment(environmentName);
      return { appId: `ap-${appName}`, handleMetadata: lifecycleOf(appName) };
    },
    appGetInfo: ({ appId = "" }) => ({ info: lifecycleOf(appId.slice("ap-".length)) }),
    functionGet: ({ appName = "", objectTag = "", environmentName, appVersion }) => {
      checkEnvironment(environmentName);
      const target = { app: appName, name: objectTag.replace(/\.\*$/, ""), version: appVersion || undefined };
      const bound = apps.bind({ target, options: {}, parameters: {} });
      return { functionId: bound.id, handleMetadata: metadataOf(appName, target.name, deployedAt(apps, target)) };
    },
    functionBindParams: ({ functionId = "", serializedParams, functionOptions }) => {
      const { target } = boundTo(apps, functionId);
      const parameters = parametersOf(proto, serializedParams ?? new Uint8Array());
      const bound = apps.bind({ target, options: optionsOf(functionOptions), parameters });
      const deployed = deployedAt(apps, target);
      return { boundFunctionId: bound.id, handleMetadata: metadataOf(target.app, target.name, deployed) };
    },
  };
}

function deployedAt(apps: FakeApps, target: Target): Deployed {
  const deployed = apps.find(target);
  if (deployed === undefined)
    throw missing(`${target.app}/${target.name}${target.version === undefined ? "" : ` version ${target.version}`}`);
  return deployed;
}

function boundTo(apps: FakeApps, functionId: string): Bound {
  const bound = apps.bound(functionId);
  if (bound === undefined) throw missing(`function ${functionId}`);
  return bound;
}

function invocations({ apps, calls, blobs, expired }: RpcParts): RpcHandlers {
  const begun = new Map<string, Answer<"functionMap">>();

  function inputOf({ args, argsBlobId }: { args?: Uint8Array | undefined; argsBlobId?: string | undefined }) {
    const bytes = argsBlobId === undefined ? args : blobs.get(argsBlobId);
    if (bytes === undefined) throw missing(`blob ${argsBlobId}`);
    return decodeInput(bytes);
  }

  function callOf(id: string | undefined): FakeCall {
    const call = calls.get(id ?? "");
    if (call === undefined) throw missing(`function call ${id}`);
    return call;
  }

  function begin({ functionId = "", pipelinedInputs = [] }: Asked<"functionMap">): Answer<"functionMap"> {
    const bound = boundTo(apps, functionId);
    const [item] = pipelinedInputs;
    if (item?.input === undefined || pipelinedInputs.length > 1)
      throw new ServerError(Status.INVALID_ARGUMENT, `${pipelinedInputs.length} inputs: the fake takes exactly one`);
    const id = `fc-${randomUUID()}`;
    calls.begin({ id, bound, method: item.input.methodName ?? "", ...inputOf(item.input) });
    return {
      functionCallId: id,
      functionCallJwt: id,
      pipelinedInputs: [{ idx: 0, inputId: `in-${id}`, inputJwt: id }],
    };
  }

  return {
    // the client repeats a request whose answer was lost under the same key: that is the same call, not a second one
    functionMap: (request, { metadata }) => {
      const key = metadata.get("x-idempotency-key") ?? randomUUID();
      const answer = begun.get(key) ?? begin(request);
      begun.set(key, answer);
      return answer;
    },
    functionRetryInputs: ({ functionCallJwt = "", inputs = [] }) => {
      calls.retry(callOf(functionCallJwt).id);
      return { inputJwts: inputs.map(() => functionCallJwt) };
    },
    functionCallFromId: ({ functionCallId }) => {
      const { id, app } = callOf(functionCallId);
      return { functionCallId: id, numInputs: 1, metadata: { appId: `ap-${app}` } };
    },
    functionGetOutputs: async ({ functionCallId, timeout = 0 }, { signal }) => {
      const call = callOf(functionCallId);
      // what Modal answers once it keeps a result no longer: none, and none to come
      if (expired.has(call.id)) return { outputs: [], lastEntryId: "0-0", numUnfinishedInputs: 0 };
      if (calls.isOpen(call)) await soonest(calls.ended(call.id), timeout * 1000, signal);
      if (calls.isOpen(call)) return { outputs: [], lastEntryId: "0-0", numUnfinishedInputs: 1 };
      return outputOf(call, blobs.put);
    },
    functionCallCancel: ({ functionCallId, terminateContainers = false }) => {
      calls.cancel(callOf(functionCallId).id, terminateContainers);
      return {};
    },
  };
}

async function soonest(ended: Promise<void>, ms: number, gone: AbortSignal): Promise<void> {
  const waiting = new AbortController();
  const signal = AbortSignal.any([waiting.signal, gone]);
  const late = delay(ms, undefined, { signal }).catch(() => undefined);
  await Promise.race([ended, late]);
  waiting.abort();
}

function scaling({ apps, calls }: RpcParts): RpcHandlers {
  const settings = new Map<string, Asked<"functionUpdateSchedulingParams">["settings"]>();
  return {
    functionUpdateSchedulingParams: ({ functionId = "", settings: asked }) => {
      const bound = boundTo(apps, functionId);
      if (asked?.maxContainers !== undefined) calls.limit(bound, asked.maxContainers);
      settings.set(functionId, { ...settings.get(functionId), ...asked });
      return { currentSettings: settings.get(functionId) };
    },
    functionGetCurrentStats: ({ functionId = "" }) => calls.stats(boundTo(apps, functionId)),
    functionGetTimeRangeStats: ({ since, until }) => {
      const count = (...states: FakeCall["state"][]) =>
        calls.all().filter(({ state }) => states.includes(state)).length;
      const stats = { inputSuccessCount: count("finished"), inputFailureCount: count("failed", "lost_by_modal") };
      return {
        since,
        until,
        ...stats,
        inputTimeoutCount: count("timed_out"),
        inputRunningAtEndCount: count("running"),
      };
    },
  };
}

function transfers({ blobs }: RpcParts): RpcHandlers {
  return {
    blobCreate: ({ contentMd5 = "", contentLength = 0 }) => blobs.promise(contentMd5, contentLength),
    blobGet: ({ blobId = "" }) => ({ downloadUrl: blobs.urlOf(blobId) }),
  };
}

const json64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
