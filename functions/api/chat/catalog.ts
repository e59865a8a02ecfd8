/** The models that chat serves: the service's own, and every checkpoint that a run has promoted. */
import type { BoundModel } from "../../../shared/answer.ts";
import { selectionKey } from "../../../shared/keys.ts";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import type { EngineInfo } from "../../../shared/ports/engine.ts";
import type { StateStore } from "../../../shared/ports/state-store.ts";
import type { ModelRef, RunConfig } from "../../../shared/schemas/config.ts";
import { RoundSelection } from "../../../shared/schemas/rounds.ts";
import type { Checkpoint, RunRow } from "../../../shared/schemas/rows.ts";
import { readConfig, readJson } from "../../workers/files.ts";
import type { ModelCatalog, ServedModel } from "../deps.ts";

export type CatalogDeps = {
  store: Pick<StateStore, "runs">;
  blobs: Pick<BlobStore, "read">;
  clock: Pick<Clock, "now">;
  /** Served under `id` with the config's policy; the config's other models judge its answers. */
  base: readonly { id: string; config: RunConfig }[];
  bind: (ref: ModelRef, checkpoint: Checkpoint | undefined, flow: string) => Promise<BoundModel & { info: EngineInfo }>;
};

/** How old a list may be; a checkpoint is served no later than this after its promotion. Our choice. */
const FRESH_MS = 2000;
const PAGE = 500;
/** Files looked for at once. Our choice. */
const RUNS_AT_ONCE = 16;

/** What is known of a run; a run that has ended promotes nothing more. */
type Promoted = { config: RunConfig; rounds: { round: number; checkpoint: Checkpoint }[] };

export function openCatalog(deps: CatalogDeps): ModelCatalog {
  const known = new Map<string, { version: number; promoted: Promoted }>();
  let listed: { at: number; models: Promise<ServedModel[]> } | undefined;

  async function promotedBy(run: RunRow): Promise<Promoted> {
    const before = known.get(run.runId);
    if (before?.version === run.version && ENDED.has(run.state)) return before.promoted;
    const promoted = await readPromoted(run, deps, before?.promoted);
    known.set(run.runId, { version: run.version, promoted });
    return promoted;
  }

  async function readAll(): Promise<ServedModel[]> {
    const runs = await allRuns(deps);
    const checkpoints: ServedModel[] = [];
    const newest = new Set<string>();
    for (let start = 0; start < runs.length; start += RUNS_AT_ONCE) {
      const part = runs.slice(start, start + RUNS_AT_ONCE);
      const promoted = await Promise.all(part.map(promotedBy));
      part.forEach((run, at) => {
        checkpoints.push(...servedOf(run, promoted[at]!, newest));
      });
    }
    return [...deps.base.map(baseModel), ...checkpoints];
  }

  function list(): Promise<ServedModel[]> {
    const now = deps.clock.now();
    if (listed !== undefined && now - listed.at < FRESH_MS) return listed.models;
    const models = readAll();
    listed = { at: now, models };
    models.catch(() => {
      listed = undefined;
    });
    return models;
  }

  return {
    list,
    async find(id) {
      const models = await list();
      return models.find((model) => model.id === id) ?? models.find(({ run }) => run && longName(run) === id);
    },
    bind: deps.bind,
  };
}

const ENDED: ReadonlySet<RunRow["state"]> = new Set(["finished", "failed"]);

async function allRuns({ store }: CatalogDeps): Promise<RunRow[]> {
  const runs: RunRow[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.runs.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    runs.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return runs;
}

/** A round that was read is not read again: what it promoted stays. */
async function readPromoted(run: RunRow, { blobs }: CatalogDeps, before: Promoted | undefined): Promise<Promoted> {
  const config = before?.config ?? (await readConfig(blobs, run.runId));
  if (config.train === undefined) return { config, rounds: [] };
  const all = Array.from({ length: run.rounds }, (_, index) => index + 1);
  const rounds = await Promise.all(
    all.map(async (round) => {
      const read = before?.rounds.find((one) => one.round === round);
      if (read !== undefined) return read;
      const selection = await readJson(blobs, selectionKey(run.runId, round), RoundSelection);
      return selection?.checkpoint ? { round, checkpoint: selection.checkpoint } : undefined;
    }),
  );
  return { config, rounds: rounds.filter((one) => one !== undefined) };
}

/** `rlaifv-demo-r4` of the newest run of that name, the long name of the others; newest round first. */
function servedOf(run: RunRow, { config, rounds }: Promoted, taken: Set<string>): ServedModel[] {
  return rounds.toReversed().map(({ round, checkpoint }) => {
    const short = servedName(run.name, round);
    const of = { runId: run.runId, round };
    const id = taken.has(short) ? longName(of) : short;
    taken.add(short);
    return { id, created: Math.floor(run.createdAt / 1000), ref: config.policy, checkpoint, run: of, config };
  });
}

/** The name under which a round's checkpoint is served. */
export function servedName(name: string, round: number): string {
  return name.startsWith("rlaifv-") ? `${name}-r${round}` : `rlaifv-${name}-r${round}`;
}

/** Every checkpoint is found under this name, whatever runs come. */
const longName = ({ runId, round }: NonNullable<ServedModel["run"]>): string => servedName(runId, round);

function baseModel({ id, config }: { id: string; config: RunConfig }): ServedModel {
  return { id, created: 0, ref: config.policy, checkpoint: undefined, run: undefined, config };
}
