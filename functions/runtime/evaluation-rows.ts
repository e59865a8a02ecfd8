/** Where a service keeps its evaluations: one folder each below `evaluations/`, written by one process alone. */
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import { EvaluationRequest, EvaluationRow } from "../../shared/schemas/evaluation-job.ts";
import type { Principal } from "../api/admission/admission.ts";
import { readJson, writeJson } from "../workers/files.ts";
import { readOwner } from "./run-owner.ts";

const ROOT = "evaluations/";
export const evaluationPrefix = (id: string): string => `${ROOT}${id}`;
/** What it may cost, in the ledger; its reservations begin with this and a slash. */
export const evaluationAccount = (id: string): string => `eval/${id}`;

const rowKey = (id: string): string => `${evaluationPrefix(id)}/row.json`;
const ownerKey = (id: string): string => `${evaluationPrefix(id)}/owner.json`;
const requestKey = (id: string): string => `${evaluationPrefix(id)}/request.json`;

export type EvaluationRows = {
  get(id: string): Promise<EvaluationRow | undefined>;
  request(id: string): Promise<EvaluationRequest>;
  /** Whose day pays. */
  owner(id: string): Promise<Principal | undefined>;
  /** The row last: an evaluation whose row is there is whole. */
  create(row: EvaluationRow, parts: { request: EvaluationRequest; owner: Principal }): Promise<void>;
  /** Gives the row as it is from then on. */
  change(row: EvaluationRow, changes: Partial<EvaluationRow>): Promise<EvaluationRow>;
  /** Newest first. Reads every row: meant for thousands, not for millions. */
  all(): Promise<EvaluationRow[]>;
};

export function evaluationRows(blobs: BlobStore, clock: Pick<Clock, "now">): EvaluationRows {
  const get: EvaluationRows["get"] = async (id) =>
    EvaluationRow.shape.evaluationId.safeParse(id).success ? readJson(blobs, rowKey(id), EvaluationRow) : undefined;
  return {
    get,
    async request(id) {
      const request = await readJson(blobs, requestKey(id), EvaluationRequest);
      if (request === undefined) throw new Error(`evaluation ${id} has no request`);
      return request;
    },
    owner: (id) => readOwner(ownerKey(id), blobs),
    async create(row, { request, owner }) {
      await writeJson(blobs, ownerKey(row.evaluationId), owner);
      await writeJson(blobs, requestKey(row.evaluationId), request);
      await writeJson(blobs, rowKey(row.evaluationId), row);
    },
    async change({ reason: _old, ...row }, changes) {
      const next = EvaluationRow.parse({ ...row, ...changes, updatedAt: clock.now() });
      await writeJson(blobs, rowKey(row.evaluationId), next);
      return next;
    },
    async all() {
      const rows: EvaluationRow[] = [];
      for await (const key of blobs.list(ROOT)) {
        if (!key.endsWith("/row.json")) continue;
        const row = await readJson(blobs, key, EvaluationRow);
        if (row !== undefined) rows.push(row);
      }
      return rows.sort((a, b) => b.createdAt - a.createdAt || (a.evaluationId < b.evaluationId ? 1 : -1));
    },
  };
}
