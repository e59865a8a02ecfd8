import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A real Node process that runs a script beside this file and talks in lines. */
export type Child = {
  pid: number;
  say(line: string): void;
  /** Each whole line it has printed, as it comes. */
  lines: AsyncIterable<string>;
  /** The next whole line; `undefined` when it has ended. */
  nextLine(): Promise<string | undefined>;
  /** SIGKILL: no handler runs, nothing is flushed. Resolves when it is gone. */
  kill(): Promise<void>;
  ended: Promise<unknown>;
};

export function startChild(script: string, ...parameters: readonly string[]): Child {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [path, ...parameters], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // Writing to one that has been killed is part of the tests.
  child.stdin.on("error", () => undefined);
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid as number,
    say: (line) => child.stdin.write(`${line}\n`),
    lines: { [Symbol.asyncIterator]: () => lines },
    async nextLine() {
      const { value, done } = await lines.next();
      return done ? undefined : value;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    ended,
  };
}
