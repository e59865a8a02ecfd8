/** The caller's side of a thread: starts it when it is first needed, and again after it has died. */
import { Worker } from "node:worker_threads";
import { errorFrom, type FromThread, type ToThread } from "./messages.ts";
import { ThreadLost } from "./thread-lost.ts";

export type HostOptions = {
  /** The module that runs in the thread. */
  script: URL;
  /** Its `workerData`. */
  data: Record<string, unknown>;
  /** Whose thread it is, for messages: a thread that dies fails its calls as `<what>_lost`. */
  what: "engine" | "trainer";
};

type Call = { onItem: (item: unknown) => void; resolve: (result: unknown) => void; reject: (error: unknown) => void };
type Thread = { worker: Worker; calls: Map<number, Call>; ended: Promise<void> };

export type ThreadHost = {
  /**
   * Calls a method in the thread. Rejects with what it threw there, with a `ThreadLost`, or, after an abort, with the
   * signal's reason. An abort is told to the thread; the call settles when the method has ended there.
   */
  call(
    method: string,
    args: unknown,
    options?: { signal?: AbortSignal; onItem?: (item: never) => void },
  ): Promise<unknown>;
  /**
   * Ends the thread and fails its open calls; later calls fail too. To be awaited before `process.exit`: a thread that is
   * torn down within a call of `onnxruntime-node` takes the process with it (seen with 1.30: "terminate called after
   * throwing an instance of 'Napi::Error'").
   */
  close(): Promise<void>;
};

export function threadHost(options: HostOptions): ThreadHost {
  let thread: Thread | undefined;
  let closed = false;
  let nextId = 0;

  function start(): Thread {
    const worker = new Worker(options.script, { workerData: options.data });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const started: Thread = { worker, calls: new Map(), ended };
    let cause: string | undefined;
    worker.on("message", (message: FromThread) => hear(started, message));
    worker.on("error", (error: unknown) => {
      cause = error instanceof Error ? error.message : String(error);
    });
    worker.on("exit", (code) => {
      if (thread === started) thread = undefined;
      const lost = new ThreadLost(options.what, closed ? "it was closed" : (cause ?? `exit code ${code}`));
      for (const { reject } of started.calls.values()) reject(lost);
      end();
    });
    worker.unref(); // only open calls keep the process alive
    return started;
  }

  function open(id: number, call: Call): Thread {
    thread ??= start();
    thread.calls.set(id, call);
    thread.worker.ref();
    return thread;
  }

  return {
    async call(method, args, { signal, onItem = () => {} } = {}) {
      signal?.throwIfAborted();
      if (closed) throw new ThreadLost(options.what, "it was closed");
      const id = nextId++;
      const answer = Promise.withResolvers<unknown>();
      const { worker, calls } = open(id, { ...answer, onItem: onItem as Call["onItem"] });
      const tell = (message: ToThread) => worker.postMessage(message);
      const abort = () => tell({ id, kind: "abort" });
      signal?.addEventListener("abort", abort, { once: true });
      try {
        tell({ id, kind: "call", method, args });
        return await answer.promise;
      } catch (error) {
        throw signal?.aborted ? signal.reason : error;
      } finally {
        signal?.removeEventListener("abort", abort);
        calls.delete(id);
        if (calls.size === 0) worker.unref();
      }
    },
    async close() {
      closed = true;
      if (thread === undefined) return;
      thread.worker.ref(); // until it has ended
      thread.worker.postMessage({ kind: "close" } satisfies ToThread);
      await thread.ended;
    },
  };
}

function hear({ calls }: Thread, message: FromThread): void {
  const call = calls.get(message.id);
  if (message.kind === "items") for (const item of message.items) call?.onItem(item);
  else if (message.kind === "result") call?.resolve(message.result);
  else call?.reject(errorFrom(message.error));
}
