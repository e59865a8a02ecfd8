/** Where a dataset comes from: enough to make it again, and nothing that differs between two makings of the same run. */
import { z } from "zod";
import { Sha256 } from "./sample.ts";

/** One model that took part. */
export const LineageModel = z.strictObject({
  role: z.enum(["policy", "divider", "questioner", "labeler"]),
  engine: z.string(),
  model: z.string(),
  /** What pins the weights: a commit, a tag, the SHA-256 of a weights file. Null where the server does not tell. */
  revision: z.string().nullable(),
});
export type LineageModel = z.infer<typeof LineageModel>;

/** The policy of one round: the model as it was before the round's training, which made all of the round's answers. */
const LineageRound = z.strictObject({
  round: z.int().min(1),
  policy: z.string(),
  /** Null for the base model. */
  checkpointSha256: Sha256.nullable(),
});

export const Lineage = z.strictObject({
  schema: z.literal("rlaifv-lineage/1"),
  run: z.strictObject({ id: z.string(), name: z.string(), configDigest: Sha256 }),
  code: z.strictObject({ version: z.string(), revision: z.string().nullable() }),
  /** `manifestDigest`: SHA-256 over the ordered sample ids. */
  data: z.strictObject({ manifestDigest: Sha256, samples: z.int().min(0) }),
  /** Named seeds, e.g. `{ run: 1 }`; every other seed derives from the run's, the round and the sample id. */
  seeds: z.record(z.string(), z.int()),
  models: z.array(LineageModel),
  rounds: z.array(LineageRound),
  /** Templates put to the models, e.g. `{ name: "divide", sha256 }`. */
  prompts: z.array(z.strictObject({ name: z.string(), sha256: Sha256 })),
});
export type Lineage = z.infer<typeof Lineage>;

export const ExportFormat = z.enum(["jsonl", "parquet", "trl", "rlaifv"]);
export type ExportFormat = z.infer<typeof ExportFormat>;

/** One file of an export; `path` is relative to the export's folder. */
export const ExportedFile = z.strictObject({ path: z.string(), bytes: z.int().min(0), sha256: Sha256 });
export type ExportedFile = z.infer<typeof ExportedFile>;

/** The content of `lineage.json`: the lineage and every other file of the export. */
export const ExportLineage = Lineage.extend({
  export: z.strictObject({
    format: ExportFormat,
    pairs: z.int().min(0),
    images: z.int().min(0),
    /** Texts in which lone surrogates became U+FFFD, because the format is UTF-8 only (parquet). */
    replacedTexts: z.int().min(0),
    files: z.array(ExportedFile),
  }),
});
export type ExportLineage = z.infer<typeof ExportLineage>;
