/** Whether the deployed state machine is the one of this code. */
import { loopDefinition } from "../../../shared/loop.ts";
import type { Json } from "../../../shared/ports/orchestrator.ts";

const LAMBDA_ARN = /^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/;
const MARK = /^<\w+>$/;

/** Where the two differ first, as a path, or `undefined`. Which Lambda function a worker is may be anything, but always the same. */
export function definitionDifference(deployed: string, bucket: string): string | undefined {
  const marked = new Proxy({} as Parameters<typeof loopDefinition>[0]["functions"], {
    get: (_, worker) => `<${String(worker)}>`,
  });
  return difference(loopDefinition({ functions: marked, bucket }), JSON.parse(deployed), { path: "", arns: new Map() });
}

type Walk = { path: string; arns: Map<string, string> };

function difference(ours: Json | undefined, theirs: Json | undefined, walk: Walk): string | undefined {
  if (typeof ours === "string") return sameText(ours, theirs, walk.arns) ? undefined : walk.path;
  if (!isObject(ours) || !isObject(theirs)) return ours === theirs ? undefined : walk.path;
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const found = difference(ours[name], theirs[name], { ...walk, path: `${walk.path}/${name}` });
    if (found !== undefined) return found;
  }
  return undefined;
}

type Fields = { [name: string]: Json };

/** A list counts as one, by its places. */
function isObject(value: Json | undefined): value is Fields {
  return typeof value === "object" && value !== null;
}

function sameText(ours: string, theirs: Json | undefined, arns: Walk["arns"]): boolean {
  if (!MARK.test(ours)) return ours === theirs;
  if (typeof theirs !== "string" || !LAMBDA_ARN.test(theirs)) return false;
  const known = arns.get(ours) ?? theirs;
  arns.set(ours, known);
  return known === theirs;
}
