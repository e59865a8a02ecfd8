/**
 * Modal's control plane on a local port: the real SDK speaks its real gRPC to it, and deployed functions are TypeScript.
 *
 * ```ts
 * const modal = await startFakeModal({ apps: { rlaifv: { Batch: { parameters: { model: "string" }, methods: { run } } } } });
 * const { client } = openModalClient({ ...modal.credentials, serverUrl: modal.url });
 * ```
 */
import { type CallContext, createServer, ServerError, Status } from "nice-grpc";
import { type FakeApp, fakeApps } from "./apps.ts";
import { startBlobServer } from "./blobs.ts";
import { type FakeCall, fakeCalls } from "./calls.ts";
import { type ModalFault, modalFaults } from "./faults.ts";
import { loadModalProto, type RpcName } from "./proto.ts";
import { rpcHandlers } from "./rpcs.ts";

export type FakeModalOptions = {
  apps: Record<string, FakeApp>;
  /** Real milliseconds of one second of Modal's, for time-outs. */
  secondMs?: number;
  credentials?: { tokenId: string; tokenSecret: string };
  environment?: string;
};
export type FakeModal = AsyncDisposable & {
  url: string;
  credentials: { tokenId: string; tokenSecret: string };
  /** RPCs in the order in which they arrived, repeated ones too. */
  log: RpcName[];
  /** Every call that was begun, oldest first. */
  readonly calls: readonly FakeCall[];
  running(): readonly FakeCall[];
  /** Puts a new version of an app up and gives its number. Calls that run go on. */
  deploy(app: string, functions: FakeApp): number;
  inject(rpc: RpcName, fault: ModalFault, times?: number): void;
  /** Takes a running call's container away; Modal begins its input again. */
  preempt(callId: string): void;
  /** Ends a running call's container as where memory ran out. */
  kill(callId: string): void;
  /** Modal no longer keeps this call's result. */
  expire(callId: string): void;
  /** Modal no longer knows this call. */
  forget(callId: string): void;
  /** Settles when the call has ended. */
  ended(callId: string): Promise<void>;
  stop(): Promise<void>;
};

const CREDENTIALS = { tokenId: "ak-fake", tokenSecret: "as-fake" };
/** The SDK's own limit for a message. */
const MESSAGE_BYTES = 100 * 2 ** 20;

export async function startFakeModal(options: FakeModalOptions): Promise<FakeModal> {
  const { credentials = CREDENTIALS, environment = "main", secondMs = 1_000 } = options;
  const proto = await loadModalProto();
  const apps = fakeApps(options.apps);
  const calls = fakeCalls(apps, secondMs);
  const blobs = await startBlobServer();
  const faults = modalFaults(proto);
  const expired = new Set<string>();
  const handlers = rpcHandlers({ proto, apps, calls, blobs, expired, environment });
  const log: RpcName[] = [];

  function checkToken(rpc: RpcName, { metadata }: CallContext): void {
    const told = [metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret")];
    if (told[0] !== credentials.tokenId || told[1] !== credentials.tokenSecret)
      throw new ServerError(Status.UNAUTHENTICATED, "token ID or token secret is wrong");
    if (rpc !== "authTokenGet" && !metadata.get("x-modal-auth-token"))
      throw new ServerError(Status.UNAUTHENTICATED, "the request has no auth token");
  }

  async function answer(rpc: RpcName, request: never, context: CallContext): Promise<unknown> {
    log.push(rpc);
    checkToken(rpc, context);
    const handler = handlers[rpc];
    if (handler === undefined) throw new ServerError(Status.UNIMPLEMENTED, `the fake does not know the RPC ${rpc}`);
    return faults.through(rpc, context, async () => handler(request, context));
  }

  const sizes = { "grpc.max_receive_message_length": MESSAGE_BYTES, "grpc.max_send_message_length": MESSAGE_BYTES };
  const server = createServer(sizes);
  const service = new Proxy(Object.create(null), {
    get: (_, rpc: RpcName) => (request: never, context: CallContext) => answer(rpc, request, context),
  });
  server.add(proto.ModalClientDefinition as Parameters<typeof server.add>[0], service);
  const port = await server.listen("127.0.0.1:0");

  async function stop(): Promise<void> {
    await calls.stop();
    server.forceShutdown();
    await blobs.stop();
  }

  return {
    url: `http://127.0.0.1:${port}`,
    credentials,
    log,
    get calls() {
      return calls.all();
    },
    running: () => calls.all().filter(({ state }) => state === "running"),
    deploy(app, functions) {
      const version = apps.deploy(app, functions);
      calls.forgetLimits();
      return version;
    },
    inject: faults.inject,
    preempt: calls.preempt,
    kill: calls.kill,
    expire: (id) => void expired.add(id),
    forget: (id) => void calls.forget(id),
    ended: calls.ended,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
