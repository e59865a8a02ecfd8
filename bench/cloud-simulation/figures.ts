/** What the simulation supposes of the world, each figure with where it comes from. */
import type { StageName } from "../../shared/schemas/rows.ts";

/** `measured`: by us, on what `source` says; `published`: by the vendor or a public report; `chosen`: nobody told us. */
export type Figure = { value: number; unit: string; how: "measured" | "published" | "chosen"; source: string };

const published = (value: number, unit: string, source: string): Figure => ({ value, unit, how: "published", source });
const chosen = (value: number, unit: string, source: string): Figure => ({ value, unit, how: "chosen", source });
const measured = (value: number, unit: string, source: string): Figure => ({ value, unit, how: "measured", source });

const REPLAY = "bench/cloud-replay.ts, one busy core, 2026-11";
const AWS_QUOTAS = "AWS Step Functions quotas page, 2026";

export const FIGURES = {
  childrenPerSecond: published(100, "children/s", `${AWS_QUOTAS}: standard children of a distributed map`),
  mapStart: chosen(2, "s", "a map run begins and reads its manifest"),
  transition: chosen(0.05, "s", "from one state to the next"),
  lambdaCall: chosen(0.2, "s", "invocation, reading config and rows; warm or 50 ms of loading"),
  lambdaLimit: published(900, "s", "AWS Lambda quotas: longest invocation"),
  dispatchGigabytes: chosen(1.77, "GB", "stacks/plan.ts; plan has as much"),
  collectGigabytes: chosen(3, "GB", "stacks/plan.ts"),
  callbackGigabytes: chosen(0.5, "GB", "stacks/plan.ts"),
  pairGigabytes: chosen(6.14, "GB", "stacks/plan.ts; a Lambda may have 10"),
  s3Call: chosen(0.05, "s", "first byte of one object"),
  s3Rate: chosen(50, "MB/s", "one stream"),
  rowsAtOnce: chosen(50, "writes", "conditional writes of one worker under way together"),
  dynamoCall: published(0.01, "s", "AWS: single-digit milliseconds"),
  tableWrites: published(4000, "units/s", "AWS: a new on-demand table; twice the highest peak later, 40,000 by quota"),
  spawn: chosen(0.3, "s", "Modal spawn: 3 to 28 ms on loopback were measured, the way to Modal is added"),
  sequences: chosen(256, "answers", "that grow at once in one engine; vLLM's max_num_seqs"),
  batchStart: chosen(1, "s", "a batch file is read and its first prompts are"),
  batchesAtOnce: chosen(
    1,
    "batches",
    "in one container; with 2 the next batch fills the engine while the last answers of one end",
  ),
  inputGap: chosen(0.5, "s", "a warm container takes its next input"),
  coldStart: chosen(
    120,
    "s",
    "vLLM with weights on a volume; public reports say 30 to 60 s (7B, image at hand), 70 s (snapshots), 460 s (none)",
  ),
  coldStartSpread: chosen(0.25, "of ln", "one start in forty takes 1.6 times as long"),
  scaledown: chosen(
    120,
    "s",
    "functions/gpu/app.py: an idle container goes after it; its GPU counts against the plan until then",
  ),
  planGpus: published(50, "GPUs", "Modal Team plan, 2026-07-01"),
  preemptions: chosen(0.02, "per container-hour", "Modal says only that GPUs can be preempted"),
  callback: chosen(0.5, "s", "POST, signature, row, asynchronous invocation of collect"),
  heartbeat: chosen(60, "s", "between two reports of a GPU function"),
  lostCallbacks: chosen(
    0.0005,
    "of calls",
    "a report is sent again when the network fails: the container is gone before its last one",
  ),
  sweepEvery: published(300, "s", "our schedule: every five minutes"),
  sampleSpread: chosen(0.4, "of the mean", "GPU time of one sample: answers differ in length"),
  containerSpread: chosen(0.03, "of the mean", "speed of one container"),
  imageGigabytes: chosen(
    0.0002,
    "GB",
    "one JPEG, sent to Modal each time a stage sees it; 0 where Modal runs in the bucket's region",
  ),
} as const satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;
/** The values alone; a simulation may change some. */
export type World = Record<FigureName, number>;

export const WORLD: World = Object.fromEntries(
  Object.entries(FIGURES).map(([name, { value }]) => [name, value]),
) as World;

/** By stage. */
export const STAGE_FIGURES = {
  /** Share of samples that ask once more (cut lists, unparsable replies). */
  again: {
    generate: chosen(0, "of samples", "asks once"),
    divide: chosen(0.02, "of samples", "parsing fails and is asked again"),
    question: chosen(0.03, "of samples", "counts that differ are asked again"),
    score: chosen(0, "of samples", "asks once"),
  },
  /** CPU of dispatch: read, ask, write the batch. */
  ask: {
    generate: measured(0.05, "ms/sample", REPLAY),
    divide: measured(2.2, "ms/sample", REPLAY),
    question: measured(2.4, "ms/sample", REPLAY),
    score: measured(3.1, "ms/sample", REPLAY),
  },
  /** CPU of collect: read, ask again, absorb, write the shard. */
  absorb: {
    generate: measured(0.75, "ms/sample", REPLAY),
    divide: measured(4, "ms/sample", REPLAY),
    question: measured(4.6, "ms/sample", REPLAY),
    score: measured(11.7, "ms/sample", REPLAY),
  },
  /** Batch input, batch output and the shard's file together; each is written once and read once. */
  kilobytes: {
    generate: measured(18.6, "kB/sample", REPLAY),
    divide: measured(53.3, "kB/sample", REPLAY),
    question: measured(62.7, "kB/sample", REPLAY),
    score: measured(150.3, "kB/sample", REPLAY),
  },
} as const satisfies Record<string, Record<StageName, Figure>>;

const DYNAMO = "docs/dynamo-costs.md, asserted over DynamoDB Local";

/** DynamoDB units by operation, of rows below 1 KB. */
export const UNITS = {
  sampleCreated: measured(2.1, "write units", `${DYNAMO}: row, list of ids, counts`),
  sampleMoved: measured(2.03, "write units", `${DYNAMO}: row and counts in one transaction`),
  sampleRead: measured(1.01, "read units", DYNAMO),
  shardRow: measured(1, "write units", `${DYNAMO}: planned, and again when it is done`),
  call: measured(2, "write units", `${DYNAMO}: created, and again when it ends`),
  report: measured(3, "write units", `${DYNAMO}: the row, and the lease of its money`),
  reserved: measured(8, "write units", DYNAMO),
  settled: measured(6, "write units", DYNAMO),
  rowRead: measured(1, "read units", DYNAMO),
} as const satisfies Record<string, Figure>;
