import type { RequestFailure } from "../../../shared/schemas/chat.ts";

/** The thread that worked on a call is gone. The same call may be made again: a new thread will take it. */
export class ThreadLost extends Error {
  override name = "ThreadLost";
  readonly failure: RequestFailure;
  constructor(what: "engine" | "trainer", cause: string) {
    const message = `the embedded ${what}'s thread ended (${cause}); ask again, and a new one is started`;
    super(message);
    this.failure = { code: `${what}_lost`, message, retryable: true };
  }
}
