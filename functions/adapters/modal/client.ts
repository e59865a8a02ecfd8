/** Opens Modal's SDK from explicit credentials, and makes it tell two endings of a call that it leaves out. */
import { ModalClient, type ModalClientParams } from "modal";
import { z } from "zod";

export type ModalAccess = {
  /** `ak-…` and `as-…`: a token of a service user, which may be limited to one environment. */
  tokenId: string;
  tokenSecret: string;
  /** Of the workspace; by default its own default. */
  environment?: string | undefined;
  /** By default MODAL_SERVER_URL, else Modal's. */
  serverUrl?: string | undefined;
  /** Longest wait where Modal asks its clients to slow down, seconds. */
  maxThrottleWaitSeconds?: number | undefined;
};

const MODAL_URL = "https://api.modal.com:443";
/** Our choice: the SDK waits without limit by default, a Lambda lives 900 s at most. */
const THROTTLE_WAIT_SECONDS = 60;

/** Thrown by `FunctionCall.get` of a client opened here, where the SDK itself would wait on or tell too little. */
export class CallGone extends Error {
  readonly ending: "expired" | "terminated";

  constructor(call: string, ending: CallGone["ending"]) {
    super(ending === "expired" ? `Modal keeps the result of ${call} no longer` : `call ${call} was stopped`);
    this.ending = ending;
  }
}

/**
 * A client that takes nothing about credentials or address from `~/.modal.toml`: what a developer's own file says must not
 * decide where a run computes. Nothing is sent until it is used. Its connection does not keep the process alive between
 * requests, so `close()` is all there is to do, and may be left out.
 */
export function openModalClient(access: ModalAccess): ModalClient {
  const { tokenId, tokenSecret, environment, maxThrottleWaitSeconds = THROTTLE_WAIT_SECONDS } = access;
  if (tokenId === "" || tokenSecret === "")
    throw new Error(`${tokenId === "" ? "ModalTokenId" : "ModalTokenSecret"} is empty: set it with "sst secret set"`);
  const params: ModalClientParams = {
    tokenId,
    tokenSecret,
    maxThrottleWaitSecs: maxThrottleWaitSeconds,
    grpcMiddleware: [tellEndings],
    ...(environment === undefined ? {} : { environment }),
  };
  return reaching(access.serverUrl ?? process.env["MODAL_SERVER_URL"] ?? MODAL_URL, () => new ModalClient(params));
}

/** The SDK knows its address by an environment variable only, and reads it while a client is made. */
function reaching<T>(serverUrl: string, open: () => T): T {
  const before = process.env["MODAL_SERVER_URL"];
  process.env["MODAL_SERVER_URL"] = serverUrl;
  try {
    return open();
  } finally {
    if (before === undefined) delete process.env["MODAL_SERVER_URL"];
    else process.env["MODAL_SERVER_URL"] = before;
  }
}

/** GENERIC_STATUS_TERMINATED of Modal's protocol; in the SDK a stopped call is a `RemoteError` like any other. */
const TERMINATED = 3;
const Outputs = z.object({
  outputs: z.array(z.object({ result: z.object({ status: z.int() }).optional() })),
  numUnfinishedInputs: z.int(),
});
const OutputsOf = z.object({ functionCallId: z.string() });

/**
 * No output and none to come means that the result has expired (Modal's Python client raises OutputExpiredError there);
 * this SDK takes it for a call that still runs, so that a poll would never end.
 */
const tellEndings: NonNullable<ModalClientParams["grpcMiddleware"]>[number] = async function* (call, options) {
  const answer = yield* call.next(call.request, options);
  if (!call.method.path.endsWith("/FunctionGetOutputs")) return answer;
  const { outputs, numUnfinishedInputs } = Outputs.parse(answer);
  const { functionCallId } = OutputsOf.parse(call.request);
  const [output] = outputs;
  if (output === undefined && numUnfinishedInputs === 0) throw new CallGone(functionCallId, "expired");
  if (output?.result?.status === TERMINATED) throw new CallGone(functionCallId, "terminated");
  return answer;
};
