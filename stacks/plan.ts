/**
 * All numbers of the infrastructure, each with its reason. Pure data: the stacks loop over it, `test/stacks` compares the
 * synthesised resources with it. Memory also sets the CPU share: 1,769 MB are one core (AWS Lambda).
 */

export type WorkerPlan = {
  timeoutSeconds: number;
  memoryMb: number;
  /** Containers kept for it, and the most it may have; `undefined` takes from the account's common pool. */
  reservedConcurrency: number | undefined;
  /** Invoked without anybody waiting: what fails for good goes to the dead letters. */
  asynchronous: boolean;
  /** Largest bundle, kilobytes after gzip, without the native packages. */
  gzipLimitKb: number;
  /** Packages with compiled parts: installed beside the bundle for Lambda's own processor. */
  native: readonly string[];
};

/** AWS Lambda's longest run, seconds. */
const LONGEST = 900;

const common = {
  reservedConcurrency: undefined,
  asynchronous: false,
  gzipLimitKb: 1500, // our choice: a cold start parses the whole bundle
  native: ["sharp"], // the module that puts the cloud together knows the image checks
} as const;

/** Measuring brings the language model of the benchmarks, 1 MB after gzip. */
const measuring = { ...common, gzipLimitKb: 2500 } as const;

/** The Lambda functions, by the name of their handler `functions/runtime/lambda/<name>.ts`. */
export const WORKERS = {
  /** Reads a few files of the run. */
  prepare: { ...common, timeoutSeconds: LONGEST, memoryMb: 1769 },
  /** Deals the samples of a pass to shards, reading the data twice; lists the shards that are left, of up to 10,000. */
  plan: { ...common, timeoutSeconds: LONGEST, memoryMb: 1769 },
  /** Replays one shard of 1,000 samples and writes one batch file. */
  dispatch: { ...common, timeoutSeconds: 300, memoryMb: 1769 },
  /** Reads a batch's output (10,000 answers, some 50 MB) and replays its shard. Kept apart so that dispatch never starves it: GPUs wait for it. */
  collect: { ...common, timeoutSeconds: 600, memoryMb: 3008, reservedConcurrency: 100, asynchronous: true },
  /** Reads a round twice, sample by sample: 0.3 GB and 2.4 kB a sample. */
  pair: { ...common, timeoutSeconds: LONGEST, memoryMb: 6144 },
  /** Writes the pairs as parquet and begins the GPU's work; waits for nothing. */
  train: { ...common, timeoutSeconds: LONGEST, memoryMb: 3008 },
  select: { ...measuring, timeoutSeconds: LONGEST, memoryMb: 3008 },
  /** Metrics of a pass, and the report with its thumbnails. */
  evaluate: { ...measuring, timeoutSeconds: LONGEST, memoryMb: 3008 },
  /** Reads a few rows and decides. */
  gate: { ...common, timeoutSeconds: 60, memoryMb: 512 },
  /** Closes the books of a run and writes report and data sets. */
  ended: { ...measuring, timeoutSeconds: LONGEST, memoryMb: 3008, asynchronous: true },
  /** Ends before the next one begins; two at once would be safe, but wasted. */
  sweep: { ...measuring, timeoutSeconds: 240, memoryMb: 1024, reservedConcurrency: 1, asynchronous: true },
  /** Public, so its bill has a ceiling. 100 GPU containers that report every minute need two at a time. */
  callback: { ...common, timeoutSeconds: 15, memoryMb: 512, reservedConcurrency: 50 },
  /** Public. Streams hold a container each: 5 minutes, then a client asks again from where it was. */
  api: { ...measuring, timeoutSeconds: 300, memoryMb: 1769, reservedConcurrency: 100 },
} as const satisfies Record<string, WorkerPlan>;

export type Worker = keyof typeof WORKERS;

/** Lambda functions at once that AWS leaves to functions without a reservation, and what an account has at first (raised on request). */
export const ACCOUNT_CONCURRENCY = { total: 1000, unreserved: 100 };

/** Node's current long-term version on Lambda; arm64 costs a fifth less than x86 and every native package is built for it. */
export const RUNTIME = { runtime: "nodejs24.x", architecture: "arm64" } as const;

/** How long logs are kept: as long as Step Functions keeps an execution's history, so that both tell of the same run. */
export const LOG_RETENTION = { name: "3 months", days: 90 } as const;

/** Tries after the first for a call that nobody waits for; AWS waits 1 and 2 minutes. The sweeper is its own next try. */
export const ASYNC_RETRIES: Partial<Record<Worker, number>> = { collect: 2, ended: 2, sweep: 0 };
/** An event older than this is a dead letter: by then the sweeper has looked at its call many times. */
export const ASYNC_MAX_AGE_SECONDS = 3600;

/** The longest SQS keeps a message: time to find the fault and send it again. */
export const DEAD_LETTER_DAYS = 14;

/** The sweeper finds a lost callback within this time; a sixth of the shard's heartbeat, so that five sweeps may fail. */
export const SWEEP_MINUTES = 5;

export const BUCKET = {
  /** A batch's results are copied into the shard; they are only looked up again while a run is resumed. */
  batchesDays: 90,
  /** Bytes that a client sent for an image or rows: taken within the hour, or sent again (functions/api/uploads). */
  uploadsDays: 1,
  /** Parts of an upload that broke off: a week is longer than any worker lives. */
  abortMultipartDays: 7,
} as const;

/** Key prefixes of the bucket, as the BlobStore names them (`shared/keys.ts`, `shared/ports/blob-store.ts`). */
export const PREFIXES = ["runs", "blobs", "batches", "manifests", "pilots", "uploads"] as const;
export type Prefix = (typeof PREFIXES)[number];

export const EDGE = {
  /** Requests of one address in five minutes; the console polls a run about once a second. Keys have their own, smaller limits. */
  requestsPerIp: 2000,
  /** CloudFront's most. The chat server and the event stream send a comment before it ends. */
  readTimeoutSeconds: 60,
  keepAliveSeconds: 60,
  /**
   * Rules of AWS's core rule set that look into bodies only count: our bodies are prose, code and pictures in base64, which
   * these rules take for attacks; every body is parsed by a schema, and none reaches a shell, a page or SQL.
   */
  countedBodyRules: [
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
  ],
} as const;

/** Figures that the workers write to their logs (`functions/runtime/cloud/telemetry.ts`), in CloudWatch's embedded format. */
export const METRICS = {
  namespace: "rlaifv",
  /** Percent of a run's budget that is settled or reserved; every function tells it that moves money. */
  budgetUsed: "BudgetUsedShare",
  /** Samples that were parked, by function and stage. */
  samplesParked: "SamplesParked",
  /** Reports of GPU functions that were refused: bad signature, too old, not readable. */
  callbacksRefused: "CallbackRefused",
} as const;

export type AlarmPlan = { statistic: "Maximum" | "Sum"; threshold: number; periodSeconds: number; periods: number };

/** An alarm rings when its figure is at or above the threshold for so many periods; no data is no alarm. */
export const ALARMS = {
  /** Early enough to raise the budget before the run pauses. */
  budgetUsed: { statistic: "Maximum", threshold: 80, periodSeconds: 300, periods: 1 },
  /** A few unreadable images are normal; a hundred in an hour are a fault of a model or a template. */
  samplesParked: { statistic: "Sum", threshold: 100, periodSeconds: 3600, periods: 1 },
  /** Every dead letter is one for a person. */
  deadLetters: { statistic: "Maximum", threshold: 1, periodSeconds: 60, periods: 1 },
  /** A public address is knocked at; ten in five minutes mean a wrong secret or an attack. */
  callbacksRefused: { statistic: "Sum", threshold: 10, periodSeconds: 300, periods: 1 },
  /** One error may be a container that died; it is tried again. */
  lambdaErrors: { statistic: "Sum", threshold: 3, periodSeconds: 300, periods: 1 },
  /** Throttling is answered by tries with growing waits; a quarter of an hour of it means that a limit is too low. */
  lambdaThrottles: { statistic: "Sum", threshold: 10, periodSeconds: 300, periods: 3 },
  /** An execution that fails or times out ends a run. */
  machineFailures: { statistic: "Sum", threshold: 1, periodSeconds: 60, periods: 1 },
} as const satisfies Record<string, AlarmPlan>;

/** Where throttling means that somebody outside waits or a GPU does. */
export const THROTTLE_ALARMS: readonly Worker[] = ["api", "callback", "collect", "dispatch"];

/** Set once with `sst secret set <name> <value>`. */
export const SECRETS = ["ModalTokenId", "ModalTokenSecret", "CallbackSecret", "OperatorKey", "ServeKey"] as const;

/** Stages whose data nobody may delete by mistake. */
export const PRODUCTION_STAGES: readonly string[] = ["prod", "production"];

export const isProduction = (stage: string): boolean => PRODUCTION_STAGES.includes(stage);
