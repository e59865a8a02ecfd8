/**
 * Stopping without waste: an abort whose reason is a `Drain` begins nothing more and lets requests that were begun come to
 * their end, because a server bills them anyway. Any other reason cuts everything off.
 */
export class Drain extends Error {
  override name = "Drain";
}

/** How long begun requests may take after a `Drain`. Our choice: longer than nearly every answer, shorter than a person's patience. */
export const DRAIN_MS = 30_000;

/** The failure of a request that a `Drain` kept from being asked: it cost nothing. */
export const NOT_ASKED = "not_asked";

/**
 * The signal that cuts requests off: aborted with `signal`, except by a `Drain`, after which `later` says when.
 * @param later left out: never; whoever does the work ends it
 */
export function cutOff(signal: AbortSignal, later?: () => Promise<unknown>): { cut: AbortSignal; dispose: () => void } {
  const cut = new AbortController();
  const onAbort = () => {
    if (!(signal.reason instanceof Drain)) cut.abort(signal.reason);
    else
      later?.().then(
        () => cut.abort(signal.reason),
        () => undefined,
      );
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return { cut: cut.signal, dispose: () => signal.removeEventListener("abort", onAbort) };
}
