/** A thread's side: takes calls from its host and answers them, several at a time. */
import type { MessagePort } from "node:worker_threads";
import { type FromThread, plainError, type ToThread } from "./messages.ts";

/** What a method may use while it works. `signal` is raised when the caller is gone. */
export type CallContext = { signal: AbortSignal; send: (item: unknown) => void };
export type Methods = Record<string, (args: never, context: CallContext) => Promise<unknown>>;

export function serveCalls(port: MessagePort, methods: Methods): void {
  const open = new Map<number, AbortController>();

  async function answer({ id, method, args }: Extract<ToThread, { kind: "call" }>): Promise<FromThread> {
    const left = new AbortController();
    open.set(id, left);
    const outbox = outboxOf((items) => tell({ id, kind: "items", items }));
    try {
      const result = await methods[method]!(args as never, { signal: left.signal, send: outbox.push });
      outbox.flush();
      return { id, kind: "result", result };
    } catch (error) {
      outbox.flush();
      return { id, kind: "error", error: plainError(error) };
    } finally {
      open.delete(id);
    }
  }

  /** Without its port the thread ends of itself once no pass of a model is under way. */
  function close(): void {
    for (const left of open.values()) left.abort();
    port.close();
  }

  const tell = (message: FromThread) => port.postMessage(message);
  port.on("message", (message: ToThread) => {
    if (message.kind === "close") close();
    else if (message.kind === "abort") open.get(message.id)?.abort();
    else void answer(message).then(tell);
  });
}

/** What one turn of the event loop makes goes out as one message: each costs both sides some work. */
function outboxOf(post: (items: unknown[]) => void) {
  let items: unknown[] = [];
  function flush(): void {
    if (items.length > 0) post(items);
    items = [];
  }
  function push(item: unknown): void {
    if (items.length === 0) process.nextTick(flush); // after all microtasks, before the model's next pass
    items.push(item);
  }
  return { push, flush };
}
