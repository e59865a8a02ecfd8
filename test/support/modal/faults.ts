/** Faults of the network and of Modal that a test puts before an RPC. */
import type { CallContext } from "nice-grpc";
import { ServerError, Status } from "nice-grpc";
import type { ModalProto, RpcName } from "./proto.ts";

export type ModalFault =
  | { kind: "unavailable" }
  /** Refused with the policy by which Modal tells its clients to wait. */
  | { kind: "throttled"; retryAfterSeconds: number }
  /** Refused for good, as where too many inputs wait. */
  | { kind: "exhausted" }
  /** Done, but the answer does not arrive. */
  | { kind: "reply_lost" };

export type Faults = ReturnType<typeof modalFaults>;

export function modalFaults(proto: ModalProto) {
  const planned = new Map<RpcName, ModalFault[]>();

  /** Meets the next `times` requests of this RPC. */
  function inject(rpc: RpcName, fault: ModalFault, times = 1): void {
    planned.set(rpc, [...(planned.get(rpc) ?? []), ...Array.from({ length: times }, () => fault)]);
  }

  async function through<T>(rpc: RpcName, context: CallContext, answer: () => Promise<T>): Promise<T> {
    const fault = planned.get(rpc)?.shift();
    if (fault === undefined) return answer();
    if (fault.kind === "reply_lost") await answer();
    if (fault.kind === "throttled")
      context.trailer.set("grpc-status-details-bin", details(proto, fault.retryAfterSeconds));
    const isExhausted = fault.kind === "throttled" || fault.kind === "exhausted";
    throw new ServerError(isExhausted ? Status.RESOURCE_EXHAUSTED : Status.UNAVAILABLE, `injected: ${fault.kind}`);
  }

  return { inject, through };
}

function details({ RPCRetryPolicy, RPCStatus }: ModalProto, retryAfterSecs: number): Uint8Array {
  const value = RPCRetryPolicy.encode(RPCRetryPolicy.create({ retryAfterSecs })).finish();
  const detail = { typeUrl: "type.googleapis.com/modal.client.RPCRetryPolicy", value };
  return RPCStatus.encode(
    RPCStatus.create({ code: Status.RESOURCE_EXHAUSTED, message: "slow down", details: [detail] }),
  ).finish();
}
