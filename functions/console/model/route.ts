/** Addresses inside the console. They stand behind the `#`, so that the page may be served from anywhere. */

export type Route =
  | { page: "runs" }
  | { page: "new-run" }
  | { page: "run"; runId: string }
  | { page: "samples"; runId: string; query: Record<string, string> }
  | { page: "sample"; runId: string; sampleId: string; query: Record<string, string> }
  | { page: "pairs"; runId: string; query: Record<string, string> }
  | { page: "evals" }
  | { page: "eval"; id: string }
  | { page: "chat"; query: Record<string, string> }
  | { page: "unknown"; path: string };

/** `#/runs/demo-1/samples?state=paired` → its page; an address nobody made is `unknown`. */
export function routeOf(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const query = Object.fromEntries(new URLSearchParams(search));
  const parts = path.split("/").filter((part) => part !== "");
  return matched(parts.map(decoded), query) ?? { page: "unknown", path };
}

function matched([first, runId, part, item]: string[], query: Record<string, string>): Route | undefined {
  if (first === undefined) return { page: "runs" };
  if (first === "new-run") return { page: "new-run" };
  if (first === "chat") return { page: "chat", query };
  if (first === "evals") return runId === undefined ? { page: "evals" } : { page: "eval", id: runId };
  if (first !== "runs") return undefined;
  if (runId === undefined) return { page: "runs" };
  if (part === undefined) return { page: "run", runId };
  if (part === "pairs") return { page: "pairs", runId, query };
  if (part !== "samples") return undefined;
  return item === undefined ? { page: "samples", runId, query } : { page: "sample", runId, sampleId: item, query };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** An address of segments and a query; empty and absent values are left out. */
export function hrefOf(segments: readonly string[], query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams(
    Object.entries(query).filter((entry): entry is [string, string] => Boolean(entry[1])),
  ).toString();
  return `#/${segments.map(encodeURIComponent).join("/")}${search === "" ? "" : `?${search}`}`;
}
