/** Samples and what became of them. Rows are small; the content of a page is read by ranges of the shard files. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { parsePassId } from "../../shared/passes.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import type { PassId, RunRow, SampleRow, SampleState } from "../../shared/schemas/rows.ts";
import type { Verdict } from "../../shared/schemas/sample.ts";
import { readConfig } from "../workers/files.ts";
import type { ApiEnv } from "./access.ts";
import { getSample, listSamples, type SampleView } from "./contract/samples.ts";
import type { ApiDeps } from "./deps.ts";
import { newestTrainingPass, runOf, withCursor } from "./passes.ts";
import { notFound, refuseInvalid } from "./refusals.ts";
import { pageAt } from "./runs.ts";
import { candidateView, sampleItem } from "./sample-views.ts";
import { whyOf, whyPair } from "./sample-why.ts";
import { pairsOfSample } from "./stored-pairs.ts";
import { type RowWithContent, readListed, readWhole } from "./stored-sample.ts";

type SampleDeps = Pick<ApiDeps, "store" | "blobs">;

export const sampleRoutes = (deps: SampleDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(listSamples, async (context) => {
      const { pass, state, verdict, limit, cursor } = context.req.valid("query");
      const run = await runOf(context.req.valid("param").id, deps);
      const passId = await passOf(run, pass, deps);
      const filter = { runId: run.runId, passId, ...(state === undefined ? {} : { state }), ...pageAt(limit, cursor) };
      const page = await withCursor(cursor, () =>
        verdict === undefined ? pageOfRows(filter, deps) : pageWithVerdict(filter, verdict, deps),
      );
      return context.json({ items: page.items.map(sampleItem), next_cursor: page.cursor ?? null }, 200);
    })
    .openapi(getSample, async (context) => {
      const { id, sampleId } = context.req.valid("param");
      const run = await runOf(id, deps);
      const passId = await passOf(run, context.req.valid("query").pass, deps);
      const row = await deps.store.samples.get(run.runId, passId, sampleId);
      if (row === undefined) {
        const what = `sample "${sampleId}" in pass ${passId} of run ${id}`;
        throw notFound("sample.not_found", { field: "path.sampleId", value: sampleId, what });
      }
      return context.json(await sampleView(row, deps), 200);
    });

/** The pass that is asked for; by default the newest training pass. */
async function passOf(run: RunRow, asked: PassId | undefined, { store }: SampleDeps): Promise<PassId> {
  if (asked === undefined) {
    const newest = await newestTrainingPass(run, store);
    return newest?.passId ?? "1.train"; // before the first: a page without samples
  }
  const { items } = await store.samples.query({ runId: run.runId, passId: asked, limit: 1 });
  if (items.length > 0) return asked;
  throw notFound("pass.not_found", {
    field: "query.pass",
    value: asked,
    what: `pass ${asked} in run ${run.runId} yet`,
  });
}

type Filter = { runId: string; passId: PassId; state?: SampleState; limit: number; cursor?: string };
type ContentPage = { items: RowWithContent[]; cursor?: string };

async function pageOfRows(filter: Filter, { store, blobs }: SampleDeps): Promise<ContentPage> {
  const { items, cursor } = await store.samples.query(filter);
  return { items: await readListed(items, blobs), ...(cursor === undefined ? {} : { cursor }) };
}

/** What one page may look through. Our choice: about as long as four pages without a filter. */
const MOST_QUERIES = 4;
const MOST_ROWS = 1000;

/** Samples with a claim of this verdict. Every query asks for no more than the page still has room for, so its cursor is exact. */
async function pageWithVerdict(filter: Filter, verdict: Verdict, deps: SampleDeps): Promise<ContentPage> {
  const items: RowWithContent[] = [];
  let rest: Filter | undefined = filter;
  for (let query = 0, rows = 0; query < MOST_QUERIES && rows < MOST_ROWS && items.length < filter.limit; query++) {
    const page: ContentPage = await pageOfRows({ ...rest, limit: filter.limit - items.length }, deps);
    items.push(...page.items.filter(({ sample }) => hasVerdict(sample.candidates, verdict)));
    rows += page.items.length;
    rest = page.cursor === undefined ? undefined : { ...filter, cursor: page.cursor };
    if (rest === undefined) break;
  }
  return { items, ...(rest?.cursor === undefined ? {} : { cursor: rest.cursor }) };
}

function hasVerdict(candidates: RowWithContent["sample"]["candidates"], verdict: Verdict): boolean {
  return candidates.some(({ claims }) => claims.some((claim) => claim.verdict === verdict));
}

async function sampleView(row: SampleRow, deps: SampleDeps): Promise<SampleView> {
  const config = await readConfig(deps.blobs, row.runId);
  const content = await readWhole(row, deps.blobs);
  const pairs = await pairsOf(row, deps);
  return {
    ...sampleItem(content),
    reference: content.sample.reference ?? null,
    metadata: content.sample.metadata,
    attempt: row.attempt,
    answers: content.sample.candidates.map(candidateView),
    pairs: pairs.map((pair) => ({
      pair_id: pair.pairId,
      chosen: pair.chosen.candidateId,
      rejected: pair.rejected.candidateId,
      why: whyPair(pair),
    })),
    why: whyOf({ row, line: content.line, config, pairs }),
  };
}

async function pairsOf({ runId, passId, sampleId, state }: SampleRow, { blobs }: SampleDeps): Promise<Pair[]> {
  if (state !== "paired") return [];
  return pairsOfSample({ runId, round: parsePassId(passId).round, blobs }, sampleId);
}
