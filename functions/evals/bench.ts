/** A benchmark as the runner opens it: its figures, its items and how stored answers are read. */
import type { EvaluationBench, EvaluationItem } from "../../shared/evaluation/evaluation.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { BenchName, EvaluationAnswer, EvaluationResult, JudgeCall } from "../../shared/schemas/evaluation.ts";

/** What the user names; which of them a bench needs, it says itself. */
export type BenchOptions = {
  /** The bench's own items: an official file or folder, or a manifest. */
  data?: string | undefined;
  /** Folder of COCO's annotation files. */
  coco?: string | undefined;
  /** The answers of the model that answers are compared with. */
  references?: string | undefined;
  extraction?: string | undefined;
  /** Stored extractions. */
  extractions?: string | undefined;
  /** A table of words for COCO's classes instead of the own one. */
  synonyms?: string | undefined;
  /** Folder of the pictures; only where a model is asked. */
  images?: string | undefined;
  seed: number;
  /** Pictures of a bench that makes its own. */
  count: number;
};

export type OpenedBench = {
  bench: EvaluationBench<EvaluationItem>;
  items: readonly EvaluationItem[];
  /** Told in the result: what else decides the numbers. */
  settings: EvaluationResult["settings"];
  /** Told beside the numbers: what was lost while loading. */
  notes: readonly string[];
  /** Reads this project's form and the original's layouts. */
  readAnswers(path: string): Promise<EvaluationAnswer[]>;
  /**
   * The bytes of an item's picture where it is not simply the file of its name in `folder`; undefined: look for that file.
   */
  picture?(item: EvaluationItem, folder: string | undefined): Promise<Uint8Array | undefined>;
  /** Reads judge calls about these answers, in both forms; where this is not there, only this project's form is read. */
  readReplies?(path: string, answers: readonly EvaluationAnswer[]): Promise<JudgeCall[]>;
};

export type BenchWorld = { dataDir: string; blobs: BlobStore };

/** A benchmark in the registry. */
export type BenchEntry = {
  name: BenchName;
  /** One line for people. */
  summary: string;
  open(options: BenchOptions, world: BenchWorld): Promise<OpenedBench>;
};
