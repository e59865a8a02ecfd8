/** The two parquet formats: the columns of RLAIF-V-Dataset, and TRL's conversational preference format. */
import { basename } from "node:path";
import type { Lineage } from "../../shared/schemas/lineage.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import type { Row, Table } from "./parquet-files.ts";
import type { Columns, Feature } from "./parquet-schema.ts";

/** Parquet's texts are UTF-8, which has no lone surrogates: they become U+FFFD, and `replaced` counts the texts. */
export type TextCleaner = { clean: (text: string) => string; replaced: () => number };

export function textCleaner(): TextCleaner {
  let count = 0;
  return {
    clean(text) {
      if (text.isWellFormed()) return text;
      count += 1;
      return text.toWellFormed();
    },
    replaced: () => count,
  };
}

/** rlaifv-spec §1.9, in the order of `openbmb/RLAIF-V-Dataset`. */
const RLAIFV_COLUMNS = {
  ds_name: "string",
  image: "image",
  question: "string",
  chosen: "string",
  rejected: "string",
  origin_dataset: "string",
  origin_split: "string",
  idx: "string",
  image_path: "string",
} as const satisfies Columns;

function textOf(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

/**
 * `origin_split` as RLAIF-V writes it, a JSON text: the model that made the answers and the kind of question, and beside
 * them what the original lacks: the round and the score gap. The kind is the sample's `metadata.type` where it has one.
 */
function originSplit({ round, chosen, rejected, metadata }: Pair, { rounds, models }: Lineage): string {
  const base = models.find(({ role }) => role === "policy")?.model ?? "unknown";
  const model = rounds.find((one) => one.round === round)?.policy ?? base;
  return JSON.stringify({
    model,
    type: textOf(metadata["type"], "unspecified"),
    round,
    score_gap: chosen.score - rejected.score,
  });
}

/** The table of RLAIF-V-Dataset. `idx` is the pair's id: unique, and the same in every export of the run. */
export function rlaifvTable(lineage: Lineage, { clean }: TextCleaner): Table {
  const row = (pair: Pair, image: Uint8Array): Row => ({
    ds_name: clean(lineage.run.name),
    image: { bytes: image, path: clean(basename(pair.image.path)) },
    question: clean(pair.question),
    chosen: clean(pair.chosen.text),
    rejected: clean(pair.rejected.text),
    origin_dataset: clean(textOf(pair.metadata["origin_dataset"], lineage.run.name)),
    origin_split: originSplit(pair, lineage),
    idx: pair.pairId,
    image_path: clean(pair.image.path),
  });
  return { columns: RLAIFV_COLUMNS, row };
}

const MESSAGES: Feature = {
  list: { struct: { role: "string", content: { list: { struct: { type: "string", text: "string" } } } } },
};

/**
 * TRL's preference format for vision-language models, as its own `trl-lib/rlaif-v` has it (huggingface/trl,
 * examples/datasets/rlaif-v.py): a list of images, and messages whose image part stands before the question.
 */
export function trlTable({ clean }: TextCleaner): Table {
  const text = (words: string) => ({ type: "text", text: clean(words) });
  const answer = (words: string) => [{ role: "assistant", content: [text(words)] }];
  const row = (pair: Pair, image: Uint8Array): Row => ({
    images: [{ bytes: image, path: clean(basename(pair.image.path)) }],
    prompt: [{ role: "user", content: [{ type: "image", text: null }, text(pair.question)] }],
    chosen: answer(pair.chosen.text),
    rejected: answer(pair.rejected.text),
  });
  return { columns: { images: { list: "image" }, prompt: MESSAGES, chosen: MESSAGES, rejected: MESSAGES }, row };
}
