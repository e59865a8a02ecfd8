/** Where the files of a run lie in the BlobStore. */
import type { PassId } from "./schemas/rows.ts";

export const runPrefix = (runId: string): string => `runs/${runId}`;
export const configKey = (runId: string): string => `${runPrefix(runId)}/config.json`;
export const planKey = (runId: string): string => `${runPrefix(runId)}/plan.json`;
/** The checked samples of one part of the data, one JSON line each. */
export const samplesKey = (runId: string, part: DataPart): string => `${runPrefix(runId)}/samples/${part}.jsonl`;
/** Words that the run's benchmark reads answers by, where it has words of its own (AMBER). */
export const benchWordsKey = (runId: string): string => `${runPrefix(runId)}/samples/bench-words.json`;
/** The checked samples of a manifest that was sent to the service, one JSON line each, and its row. */
export const manifestKey = (manifestId: string): string => `manifests/${manifestId}.jsonl`;
export const manifestRowKey = (manifestId: string): string => `manifests/${manifestId}.json`;
/** Bytes that were sent before a request names them, and what was said of them. */
export const uploadKey = (uploadId: string): string => `uploads/${uploadId}`;
export const uploadRowKey = (uploadId: string): string => `uploads/${uploadId}.json`;
/** What a pilot found, by the hash of what it was asked. */
export const pilotKey = (hash: string): string => `pilots/${hash}.json`;
export type DataPart = "data" | "selection" | "evaluation";
/** Content of a shard after `step` (`submitted`, or a stage's name), one JSON line a sample. */
export const shardKey = (shard: { runId: string; passId: PassId; shardId: string }, step: string): string =>
  `${runPrefix(shard.runId)}/passes/${shard.passId}/${shard.shardId}.${step}.jsonl`;
/** The shards a stage still has to do, one JSON line each: what the loop's Map reads. */
export const shardListKey = (runId: string, passId: PassId, stage: string): string =>
  `${runPrefix(runId)}/passes/${passId}/${stage}.shards.jsonl`;
export const metricsKey = (runId: string, passId: PassId): string =>
  `${runPrefix(runId)}/passes/${passId}/metrics.json`;
export const roundPrefix = (runId: string, round: number): string => `${runPrefix(runId)}/rounds/${round}`;
export const pairsKey = (runId: string, round: number): string => `${roundPrefix(runId, round)}/pairs.jsonl`;
export const pairingKey = (runId: string, round: number): string => `${roundPrefix(runId, round)}/pairing.json`;
export const trainingKey = (runId: string, round: number): string => `${roundPrefix(runId, round)}/training.json`;
export const selectionKey = (runId: string, round: number): string => `${roundPrefix(runId, round)}/selection.json`;
export const gateKey = (runId: string, round: number): string => `${roundPrefix(runId, round)}/gate.json`;
export const reportKey = (runId: string, extension: "json" | "html"): string =>
  `${runPrefix(runId)}/report.${extension}`;
/** Figures of the control that imitates the chosen answers without the comparison. */
export const sftControlKey = (runId: string): string => `${controlPrefix(runId)}/metrics.json`;
export const controlTrainingKey = (runId: string): string => `${controlPrefix(runId)}/training.json`;
export const controlPrefix = (runId: string): string => `${runPrefix(runId)}/control`;
