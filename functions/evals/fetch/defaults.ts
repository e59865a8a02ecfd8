/** The files that a bench is opened with where the user names none: those that were fetched. */
import type { BenchName } from "../../../shared/schemas/evaluation.ts";
import type { BenchOptions } from "../bench.ts";
import { isFetchedBench } from "../sources.ts";
import { cacheFolder, fetchedPath } from "./cache.ts";

type Files = Partial<Record<"data" | "coco" | "references" | "images", string>>;

/** The files of a bench on this machine, by the platform's cache; nothing where there are none. */
export const fetchedFiles = (bench: BenchName, env: NodeJS.ProcessEnv): Promise<Files> =>
  withFetched(bench, {}, cacheFolder(undefined, env));

/** Below a bench's folder in the cache. */
const FILES: Readonly<Record<string, Files>> = {
  "object-halbench": { data: "obj_halbench_300_with_image.jsonl", coco: "annotations", images: "images" },
  amber: { data: "data/query/query_all.json", images: "images" },
  pope: { data: "coco_pope_random.json", images: "images" },
  mmhal: { data: "mmhal-bench_answer_template.json", images: "images" },
  refomb: { data: "RefoMB_dev.jsonl", references: "RefoMB_gpt4v_dev.jsonl", images: "images" },
};

/**
 * What the user named, completed. Items and the answers they are compared with belong together: references are completed
 * only where the items are the fetched ones, too.
 */
export async function withFetched<Options extends Partial<BenchOptions>>(
  bench: BenchName,
  given: Options,
  cache: string,
): Promise<Options> {
  if (!isFetchedBench(bench)) return given;
  const wanted = Object.entries(FILES[bench] ?? {}).filter(
    ([name]) => given[name as keyof Files] === undefined && (name !== "references" || given.data === undefined),
  );
  const found = await Promise.all(
    wanted.map(async ([name, path]) => [name, await fetchedPath(cache, bench, path)] as const),
  );
  return { ...given, ...Object.fromEntries(found.filter(([, path]) => path !== undefined)) };
}
