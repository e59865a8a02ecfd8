/**
 * How many requests a server gets at once: AIMD as in TCP (Chiu & Jain 1989; RFC 5681). Successes widen the window by one
 * each until the first overload, then by one a windowful; an overload halves it. Pure: every change is a new value.
 */
export type Window = {
  /** Requests allowed in flight, ≥ 1; the whole part counts. */
  limit: number;
  /** The limit never passes this. */
  ceiling: number;
  /** Below it the window grows by one a success, above it by `1 / limit`. */
  threshold: number;
  /** Attempts with a smaller number began before the last cut; their overloads tell nothing new. */
  cutAt: number;
};

const FIRST_LIMIT = 4; // our choice: harmless to a small server, one doubling from 8

/** The window before anything is known about the server. */
export function firstWindow(ceiling: number): Window {
  return { limit: Math.min(FIRST_LIMIT, ceiling), ceiling, threshold: ceiling, cutAt: 0 };
}

/** @param inFlight requests in flight with this one: a window that is not full proves nothing about a wider one */
export function afterSuccess(window: Window, inFlight: number): Window {
  if (inFlight < Math.floor(window.limit)) return window;
  const step = window.limit < window.threshold ? 1 : 1 / window.limit;
  return { ...window, limit: Math.min(window.ceiling, window.limit + step) };
}

/**
 * Halves once for all requests that were in flight together.
 * @param attempt number of the attempt that was refused
 * @param nextAttempt number the next attempt will have
 */
export function afterOverload(window: Window, attempt: number, nextAttempt: number): Window {
  if (attempt < window.cutAt) return window;
  const limit = Math.max(1, window.limit / 2);
  return { ...window, limit, threshold: limit, cutAt: nextAttempt };
}
