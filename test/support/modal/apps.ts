/** What is deployed on the fake: apps in versions, functions and classes in TypeScript, and what calls bind to them. */
import { createHash } from "node:crypto";

/** Options a function was declared with or bound with, in the SDK's words; times in Modal's seconds. */
export type FakeOptions = {
  gpu?: string;
  milliCpu?: number;
  memoryMib?: number;
  maxContainers?: number;
  bufferContainers?: number;
  timeoutSeconds?: number;
  scaledownSeconds?: number;
  retries?: number;
};
export type FakeParameters = Record<string, string | number | boolean | Uint8Array>;

export type FakeContext = {
  callId: string;
  /** Of the container that runs it; the next call of the same pool may get the same one. */
  container: string;
  /** Aborted when the call is cancelled, has run out of time, or its container is gone. */
  signal: AbortSignal;
  options: FakeOptions;
  parameters: FakeParameters;
  /** How often this input was begun before: by a preemption or Modal's retries. */
  attempt: number;
  /** Of the app whose code runs. */
  version: number;
};
export type FakeBody = (
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  context: FakeContext,
) => unknown;

export type FakeFunction = FakeBody | { run: FakeBody; options?: FakeOptions; webUrl?: string };
export type ParameterKind = "string" | "int" | "bool" | "bytes";
export type FakeClass = {
  parameters?: Record<string, ParameterKind>;
  methods: Record<string, FakeBody>;
  options?: FakeOptions;
};
export type FakeApp = Record<string, FakeFunction | FakeClass>;

/** A function or class as deployed; `version: undefined` follows the newest deployment. */
export type Target = { app: string; name: string; version: number | undefined };
export type Bound = { id: string; target: Target; options: FakeOptions; parameters: FakeParameters };
export type Deployed = {
  version: number;
  methods: Record<string, FakeBody>;
  parameters: Record<string, ParameterKind>;
  options: FakeOptions;
  isClass: boolean;
  webUrl: string;
};

export type FakeApps = ReturnType<typeof fakeApps>;

export function fakeApps(initial: Record<string, FakeApp>) {
  const deployments = new Map<string, FakeApp[]>();
  const bound = new Map<string, Bound>();
  for (const [app, functions] of Object.entries(initial)) deploy(app, functions);

  /** Gives the version's number, from 1. */
  function deploy(app: string, functions: FakeApp): number {
    const versions = deployments.get(app) ?? [];
    deployments.set(app, [...versions, functions]);
    return versions.length + 1;
  }

  const newest = (app: string): number | undefined => deployments.get(app)?.length;

  function find({ app, name, version }: Target): Deployed | undefined {
    const at = version ?? newest(app) ?? 0;
    const found = deployments.get(app)?.[at - 1]?.[name];
    return found === undefined ? undefined : { version: at, ...shapeOf(found) };
  }

  /** The same target, options and parameters are the same function, with one pool of containers. */
  function bind({ target, options, parameters }: Omit<Bound, "id">): Bound {
    const mark = createHash("sha256")
      .update(JSON.stringify([target, options, parameters]))
      .digest("base64url");
    const id = `fu-${mark.slice(0, 22)}`;
    const known = bound.get(id) ?? { id, target, options, parameters };
    bound.set(id, known);
    return known;
  }

  return { deploy, newest, find, bind, bound: (id: string) => bound.get(id), names: () => [...deployments.keys()] };
}

function shapeOf(declared: FakeFunction | FakeClass): Omit<Deployed, "version"> {
  const plain = { parameters: {}, options: {}, isClass: false, webUrl: "" };
  if (typeof declared === "function") return { ...plain, methods: { "": declared } };
  if ("methods" in declared) return { ...plain, ...declared, isClass: true };
  const { run, ...rest } = declared;
  return { ...plain, ...rest, methods: { "": run } };
}

/** For functions that wait: rejects with the signal's reason once it is aborted, or when it is so already. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
