/** The dataset card: README.md with the YAML head that the Hugging Face Hub and `datasets` read. */
import type { ExportFormat, Lineage } from "../../shared/schemas/lineage.ts";
import type { Survey } from "./survey.ts";

const DATA_FILES: Record<ExportFormat, string> = {
  jsonl: "pairs.jsonl",
  rlaifv: "pairs.jsonl",
  parquet: "data/train-*",
  trl: "data/train-*",
};

const LAYOUT: Record<ExportFormat, string> = {
  jsonl:
    "`pairs.jsonl` has one pair per line: both answers with every claim, its question, p_yes, p_no and verdict. `image.file` names the image below `images/`.",
  rlaifv: "`pairs.jsonl` has one pair record of RLAIF-V per line; `image_path` names the image below `images/`.",
  parquet:
    "`data/` has the columns of RLAIF-V-Dataset: ds_name, image, question, chosen, rejected, origin_dataset, origin_split (JSON: model, type, round, score_gap), idx, image_path.",
  trl: "`data/` has TRL's conversational preference format for vision-language models: images, prompt, chosen, rejected. `DPOTrainer` takes it as it is.",
};

/** The Hub's size categories (its dataset card specification). */
function sizeCategory(pairs: number): string {
  const steps: [number, string][] = [
    [1e3, "n<1K"],
    [1e4, "1K<n<10K"],
    [1e5, "10K<n<100K"],
    [1e6, "100K<n<1M"],
  ];
  return steps.find(([below]) => pairs < below)?.[1] ?? "1M<n<10M";
}

function frontMatter(format: ExportFormat, { run }: Lineage, { totals }: Survey): string[] {
  return [
    "---",
    `pretty_name: ${JSON.stringify(run.name)}`,
    "license: other",
    "license_name: see-the-card",
    "task_categories:",
    "- image-text-to-text",
    "tags: [preference, dpo, vision-language, rlaif-v]",
    `size_categories: ["${sizeCategory(totals.pairs)}"]`,
    "configs:",
    "- config_name: default",
    "  data_files:",
    "  - split: train",
    `    path: ${DATA_FILES[format]}`,
    "---",
  ];
}

/** Mean over the pairs with two decimals, or a dash for an empty dataset. */
function mean(sum: number, { totals }: Survey): string {
  return totals.pairs === 0 ? "–" : (sum / totals.pairs).toFixed(2);
}

function figures(survey: Survey): string[] {
  const { totals, samples, rounds, imageFiles, imageBytes } = survey;
  const shorter = totals.pairs === 0 ? "–" : `${((100 * totals.shorterChosen) / totals.pairs).toFixed(1)} %`;
  const rows: [string, string | number][] = [
    ["pairs", totals.pairs],
    ["samples (image and question)", samples],
    ["images", `${imageFiles.size} (${(imageBytes / 1e6).toFixed(1)} MB)`],
    ["rounds", rounds.join(", ") || "–"],
    ["words per chosen answer, mean", mean(totals.chosenWords, survey)],
    ["words per rejected answer, mean", mean(totals.rejectedWords, survey)],
    ["pairs whose chosen answer is the shorter one", shorter],
    ["score gap, mean", mean(totals.scoreGap, survey)],
    ["checked claims per pair, mean", mean(totals.claims, survey)],
  ];
  return ["| figure | value |", "| --- | --- |", ...rows.map(([name, value]) => `| ${name} | ${value} |`)];
}

/** A text inside a Markdown table cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}

function modelRows({ models }: Lineage): string[] {
  const rows = models.map(
    ({ role, model, engine, revision }) =>
      `| ${role} | ${cell(model)} | ${cell(engine)} | ${cell(revision ?? "not told")} |`,
  );
  return ["| role | model | engine | revision |", "| --- | --- | --- | --- |", ...rows];
}

/** The card's text: the same pairs and lineage give the same bytes. */
export function datasetCard(format: ExportFormat, lineage: Lineage, survey: Survey): string {
  const paragraphs = [
    frontMatter(format, lineage, survey).join("\n"),
    `# ${cell(lineage.run.name)}`,
    "Preference pairs for vision-language models. A policy answered each question several times; every answer was divided into claims, a labeler checked each claim against the image, and answers with fewer rejected claims were preferred (the method of RLAIF-V).",
    LAYOUT[format],
    figures(survey).join("\n"),
    "## Made by",
    modelRows(lineage).join("\n"),
    "`lineage.json` has the digests of config, data and prompts, the seeds, the code's version, and the SHA-256 of every file. The images are the original files, byte for byte.",
    "## Licence",
    "The images keep the licences of their owners, and the texts are outputs of the models above, whose terms may limit their use. Replace `license: other` in this card once both are settled.",
  ];
  return `${paragraphs.join("\n\n")}\n`;
}
