/** Makes the two checkpoints of the embedded engine from nothing: `npm run pretrain`. Seeded; about 15 minutes on two cores. */
import { writeFile } from "node:fs/promises";
import { writeSafetensors } from "../functions/embedded/autodiff/safetensors.ts";
import type { Weights } from "../functions/embedded/autodiff/weights.ts";
import { initialWeights } from "../functions/embedded/model/architecture.ts";
import { checkGates } from "../functions/embedded/pretraining/gates.ts";
import { STAGES, type Stage } from "../functions/embedded/pretraining/plan.ts";
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

/** Trains stages one after the other from the same start; every stage has batches of its own. */
let batches = 0;
async function through(weights: Weights, stages: readonly Stage[]): Promise<Weights> {
  let trained = weights;
  for (const stage of stages) {
    trained = await pretraining.train(trained, stage, batches, report);
    batches += stage.steps;
  }
  return trained;
}

const pretraining = await pretrainer({ seed: SEED });
const trunk = await through(initialWeights(SEED), [STAGES.matching, STAGES.describing]);
await save("policy", await through(trunk, [STAGES.policy]));
await save("labeler", await through(trunk, [STAGES.labeler]));
await pretraining.release();

const gates = await checkGates(art, folder, say);
await writeFile(new URL("pretrain.log", folder), `${log.join("\n")}\n`);
if (gates.outcome === "failed") {
  console.error(`The gates are not met: ${gates.failures.join("; ")}`);
  process.exitCode = 1;
}
