/** Requests without a reply: how much of their cost may have been spent without anybody knowing. */
import { CACHE_GROUP } from "../../shared/answer.ts";
import type { Target } from "../../shared/schemas/chat.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";

/** `micros`: the most it costs, millionths of a USD. */
export type OpenRequest = { target: Target; ref: ModelRef; micros: number };

/**
 * The dearest requests that can be under way, or answered and not yet booked: a server works on at most `maxConcurrency` at
 * once, and replies of each target are booked in groups.
 */
export function mayBeSpent(open: Iterable<OpenRequest>): OpenRequest[] {
  return [...Map.groupBy(open, ({ ref }) => serverOf(ref)).values()].flatMap((requests) => {
    const most = requests[0]!.ref.maxConcurrency;
    const groups = new Set(requests.map(({ target }) => target)).size;
    return requests.sort((a, b) => b.micros - a.micros).slice(0, most + groups * CACHE_GROUP);
  });
}

export const microsOf = (requests: Iterable<OpenRequest>): number => {
  let sum = 0;
  for (const { micros } of requests) sum += micros;
  return sum;
};

/** Roles that name a server alike share its concurrency; with another limit they have one of their own (functions/runtime/models.ts). */
const serverOf = ({ baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds }: ModelRef): string =>
  [baseUrl, apiKeyEnv, maxConcurrency, timeoutSeconds].join(" ");

type Open = ReadonlyMap<string, OpenRequest>;
type Stopping = { waves: Set<Open>; cut: Set<OpenRequest> | undefined };

const runs = new WeakMap<AbortSignal, Stopping>();

/**
 * All waves of the run that `signal` stops. They share their servers' concurrency: when the run is stopped, what may be under
 * way is chosen once among the requests of all of them.
 */
export function wavesOf(signal: AbortSignal) {
  const run = runs.get(signal) ?? { waves: new Set(), cut: undefined };
  runs.set(signal, run);
  return {
    add: (open: Open) => void run.waves.add(open),
    remove: (open: Open) => void run.waves.delete(open),
    /** The wave's part, millionths of a USD, once the run is stopped. */
    cutMicros(open: Open): number {
      run.cut ??= new Set(mayBeSpent([...run.waves].flatMap((wave) => [...wave.values()])));
      const { cut } = run;
      return microsOf([...open.values()].filter((request) => cut.has(request)));
    },
  };
}
