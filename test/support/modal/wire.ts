/** Between the messages of Modal's service and what the fake keeps. */
import { Decoder, Encoder } from "cbor-x";
import { ServerError, Status } from "nice-grpc";
import type { Deployed, FakeOptions, FakeParameters } from "./apps.ts";
import type { FakeCall, FakeCallState } from "./calls.ts";
import type { Answer, Asked, ModalProto, ParameterValue } from "./proto.ts";

/** As the SDK encodes and decodes. */
const CBOR_OPTIONS = { mapsAsObjects: true, useRecords: false, tagUint8Array: false, useTag259ForMaps: false };
const encoder = new Encoder(CBOR_OPTIONS);
const decoder = new Decoder(CBOR_OPTIONS);

/** Numbers of Modal's enums (proto/modal_proto/api.proto). */
export const FORMAT = { pickle: 1, cbor: 4 } as const;
const STATUS: Record<Exclude<FakeCallState, "queued" | "running">, number> = {
  finished: 1,
  failed: 2,
  terminated: 3,
  timed_out: 4,
  lost_by_modal: 6,
};
const PARAMETER_TYPE = { string: 1, int: 2, bytes: 4, bool: 9 } as const;
const PROTO_PARAMETERS = 2;
/** Larger results are fetched apart. Source: the SDK's own limit for arguments. */
const INLINE_BYTES = 2 * 2 ** 20;

export function decodeInput(bytes: Uint8Array): { args: unknown[]; kwargs: Record<string, unknown> } {
  const [args, kwargs] = decoder.decode(bytes);
  return { args: args.map(inPython), kwargs: inPython(kwargs) as Record<string, unknown> };
}

/**
 * Whole numbers are of one kind in Python, so BigInt becomes a number where it fits. What would arrive there as something
 * else than it is here, which TypeScript functions could not see, is refused.
 */
function inPython(value: unknown): unknown {
  if (value === undefined) throw new ServerError(Status.INVALID_ARGUMENT, "undefined is no value in Python");
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) >= 2 ** 32)
    throw new ServerError(Status.INVALID_ARGUMENT, `${value} arrives in Python as a float: send a BigInt`);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(inPython);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, inPython(field)]));
}

export function parametersOf(proto: ModalProto, bytes: Uint8Array): FakeParameters {
  const { parameters } = proto.ClassParameterSet.decode(bytes);
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, parameterValue(parameter)]));
}

function parameterValue({
  name,
  stringValue,
  intValue,
  boolValue,
  bytesValue,
}: ParameterValue): FakeParameters[string] {
  const value = stringValue ?? intValue ?? boolValue ?? bytesValue;
  if (value === undefined) throw new Error(`parameter ${name} has no value`);
  return value;
}

type WireOptions = NonNullable<Asked<"functionBindParams">["functionOptions"]>;

export function optionsOf(wire: WireOptions | undefined): FakeOptions {
  const { gpuType = "", count = 0 } = wire?.resources?.gpuConfig ?? {};
  return present({
    gpu: gpuType === "" ? undefined : `${gpuType}:${count}`,
    milliCpu: wire?.resources?.milliCpu || undefined,
    memoryMib: wire?.resources?.memoryMb || undefined,
    maxContainers: wire?.concurrencyLimit,
    bufferContainers: wire?.bufferContainers,
    timeoutSeconds: wire?.timeoutSecs,
    scaledownSeconds: wire?.taskIdleTimeoutSecs,
    retries: wire?.retryPolicy?.retries,
  });
}

type Present<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };
const present = <T extends object>(values: T): Present<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Present<T>;

type Metadata = Answer<"functionGet">["handleMetadata"];

export function metadataOf(app: string, name: string, deployed: Deployed): Metadata {
  const one = {
    functionName: name,
    appId: `ap-${app}`,
    supportedInputFormats: [FORMAT.pickle, FORMAT.cbor],
    supportedOutputFormats: [FORMAT.pickle, FORMAT.cbor],
  };
  if (!deployed.isClass) return { ...one, webUrl: deployed.webUrl };
  const schema = Object.entries(deployed.parameters).map(([parameter, kind]) => ({
    ...{ name: parameter, type: PARAMETER_TYPE[kind], hasDefault: false },
  }));
  return {
    ...one,
    classParameterInfo: { format: PROTO_PARAMETERS, schema },
    methodHandleMetadata: Object.fromEntries(Object.keys(deployed.methods).map((method) => [method, one])),
  };
}

/** Of a call that has ended. `keep`: stores what is too large for a message and gives its id. */
export function outputOf(call: FakeCall, keep: (bytes: Buffer) => string): Answer<"functionGetOutputs"> {
  const status = STATUS[call.state as keyof typeof STATUS];
  const result = {
    status,
    exception: call.error ?? "",
    ...(call.state === "finished" ? dataOf(call.value, keep) : {}),
  };
  const output = {
    idx: 0,
    inputId: `in-${call.id}`,
    result,
    dataFormat: FORMAT.cbor,
    retryCount: Math.max(0, call.starts - 1),
  };
  return { outputs: [output], lastEntryId: "1-0", numUnfinishedInputs: 0 };
}

function dataOf(value: unknown, keep: (bytes: Buffer) => string) {
  const bytes = Buffer.from(encoder.encode(value ?? null));
  return bytes.length > INLINE_BYTES ? { dataBlobId: keep(bytes) } : { data: bytes };
}
