/** Makes the two checkpoints of the embedded engine from nothing: `npm run pretrain`. Seeded; about 15 minutes on two cores. */
import { writeFile } from "node:fs/promises";
import { writeSafetensors } from "../functions/embedded/autodiff/safetensors.ts";
import type { Weights } from "../functions/embedded/autodiff/weights.ts";
import { initialWeights } from "../functions/embedded/model/architecture.ts";
import { STAGES } from "../functions/embedded/pretraining/plan.ts";
import { type Progress, pretrainer } from "../functions/embedded/pretraining/pretrain.ts";
import { examLine, questionExam } from "../functions/embedded/pretraining/question-exam.ts";
import { loadArt } from "../functions/embedded/world/art.ts";

const SEED = 7;
const EXAM_EVERY = 500; // steps
const folder = new URL(
  `file://${process.argv[2] ?? new URL("../functions/embedded/assets/", import.meta.url).pathname}/`,
);
const started = performance.now();
const log: string[] = [];

function say(line: string): void {
  const text = `${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`;
  log.push(text);
  console.log(text);
}

const art = await loadArt();
const exam = await questionExam(art, 100);

async function report({ stage, step, textLoss, cellLoss, gradientNorm }: Progress, weights: Weights): Promise<void> {
  if (step % 100 !== 0) return;
  say(`${stage} ${step}: text ${textLoss.toFixed(4)} cells ${cellLoss.toFixed(4)} gradient ${gradientNorm.toFixed(2)}`);
  if (step % EXAM_EVERY === 0) say(`${stage} ${step}: questions right: ${examLine(await exam.mark(weights))}`);
}

async function save(name: string, weights: Weights): Promise<void> {
  await writeFile(
    new URL(`${name}.safetensors`, folder),
    writeSafetensors(weights, "F16", { model: `embedded/${name}`, seed: String(SEED) }),
  );
}

const { trunk, labeler, policy } = STAGES;
const pretraining = await pretrainer({ seed: SEED });
const shared = await pretraining.train(initialWeights(SEED), trunk, 0, report);
const children = {
  policy: { stage: policy, first: trunk.steps },
  labeler: { stage: labeler, first: trunk.steps + policy.steps },
};
for (const [name, { stage, first }] of Object.entries(children)) {
  await save(name, await pretraining.train(shared, stage, first, report));
}
await pretraining.release();

const { checkGates } = await import("../functions/embedded/pretraining/gates.ts");
const gates = await checkGates(art, folder, say);
await writeFile(new URL("pretrain.log", folder), `${log.join("\n")}\n`);
if (gates.outcome === "failed") {
  console.error(`The gates are not met: ${gates.failures.join("; ")}`);
  process.exitCode = 1;
}
