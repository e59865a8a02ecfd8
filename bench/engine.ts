/**
 * The embedded engine: sampled tokens and labelled questions a second through the Engine port (chat requests in,
 * completions out, PNG files decoded), and one DPO step of 16 pairs. Beside it the same model with the same weights in
 * PyTorch (bench/engine_peer.py), where Python has it; `PYTHON` names the interpreter. Both report their best repetition:
 * whatever else runs only ever makes it slower.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { memoryBlobStore } from "../functions/adapters/memory/blob-store.ts";
import { writeSafetensors } from "../functions/embedded/autodiff/safetensors.ts";
import { loadBuiltIn } from "../functions/embedded/engine/models.ts";
import { openEmbeddedEngine } from "../functions/embedded/engine.ts";
import type { PreferencePair } from "../functions/embedded/model/preference-graph.ts";
import { preferenceSteps, startState } from "../functions/embedded/training/preference-training.ts";
import type { Engine } from "../shared/ports/engine.ts";
import type { BatchLine, ChatCompletion } from "../shared/schemas/chat.ts";
import { schedule } from "../shared/stages/train.ts";
import { captionLines, type Picture, pairsOf, peerArrays, pictureSet, questionLines, SIZES } from "./engine-cases.ts";

const REPETITIONS = 3;
const STEPS = 40;
const DPO = { beta: 0.1, learningRate: 2e-4, sftWeight: 0.3, batchPairs: SIZES.pairs };

/** `tokens` and `questions` are for a second; `firstLoss` is the loss of the first step. */
type Figures = { tokens: number; tokensEach: number; questions: number; stepMs: number; firstLoss: number };
type PeerFigures = Figures & { version: string; threads: number; logprobs: number[] };

const blobs = memoryBlobStore();
const engine = openEmbeddedEngine({ blobs });
const policy = await loadBuiltIn("policy");
const warm = await pictureSet(0, blobs);
await complete(engine, captionLines(warm.slice(0, 12)));
await complete(engine, questionLines(warm.slice(0, 12)));

const sets: Picture[][] = [];
for (let set = 1; set <= REPETITIONS; set++) sets.push(await pictureSet(set, blobs));
const captions = [];
const labels = [];
for (const pictures of sets) {
  captions.push(await timed(captionLines(pictures)));
  labels.push(await timed(questionLines(pictures)));
}
const pairs = await pairsOf(policy.weights, sets[0]!, captions[0]!.texts);
const dpo = await trainSteps(pairs);
const ours: Figures = {
  tokens: Math.max(...captions.map(({ tokens, seconds }) => tokens / seconds)),
  tokensEach: captions[0]!.tokens / (SIZES.pictures * SIZES.answersEach),
  questions: Math.max(...labels.map(({ lines, seconds }) => lines / seconds)),
  ...dpo,
};
const answers = SIZES.pictures * SIZES.answersEach;
console.log(`${answers} captions on ${SIZES.pictures} pictures, ${SIZES.pictures * SIZES.questionsEach} questions,`);
console.log(`DPO steps of ${SIZES.pairs} pairs; the best of ${REPETITIONS} repetitions and of ${STEPS} steps`);
console.log(`  embedded engine: ${told(ours)}`);
const peer = await peerFigures();
if (peer === undefined) console.log("  PyTorch: skipped, python3 (or $PYTHON) has no torch with safetensors and numpy");
else compare(peer);

async function complete(through: Engine, lines: readonly BatchLine[]): Promise<Map<string, ChatCompletion>> {
  const completions = new Map<string, ChatCompletion>();
  for await (const reply of through.run(lines, new AbortController().signal)) {
    if (reply.outcome === "failed") throw new Error(`${reply.custom_id}: ${reply.failure.message}`);
    completions.set(reply.custom_id, reply.completion);
  }
  return completions;
}

async function timed(lines: readonly BatchLine[]) {
  const started = performance.now();
  const completions = await complete(engine, lines);
  const seconds = (performance.now() - started) / 1000;
  const inOrder = lines.map(({ custom_id }) => completions.get(custom_id)!);
  const tokens = inOrder.reduce((sum, { usage }) => sum + (usage?.completion_tokens ?? 0), 0);
  const texts = inOrder.map(({ choices }) => choices.map(({ message }) => message.content ?? ""));
  return { seconds, tokens, texts, lines: lines.length };
}

/** Forward, backward and Adam as the trainer does them; the first steps, which allocate, are left out. */
async function trainSteps(batch: readonly PreferencePair[]): Promise<{ stepMs: number; firstLoss: number }> {
  const WARM = 3;
  const plan = { pairs: batch.length, epochs: WARM + STEPS, warmupShare: 0, checkpointsPerEpoch: 1 };
  const job = { state: startState(policy.weights), pairs: batch, config: DPO, seed: 1 };
  const times: number[] = [];
  const losses: number[] = [];
  let last = performance.now();
  for await (const { loss } of preferenceSteps({ ...job, schedule: schedule({ ...plan, batchPairs: SIZES.pairs }) })) {
    times.push(performance.now() - last);
    losses.push(loss);
    last = performance.now();
  }
  return { stepMs: Math.min(...times.slice(WARM)), firstLoss: losses[0]! };
}

/** `undefined` where there is no torch. */
async function peerFigures(): Promise<PeerFigures | undefined> {
  const python = process.env["PYTHON"] ?? "python3";
  if (spawnSync(python, ["-c", "import torch, numpy, safetensors"]).status !== 0) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "rlaifv-bench-engine-"));
  try {
    const cases = join(folder, "cases.safetensors");
    await writeFile(cases, writeSafetensors(peerArrays(sets[0]!, pairs), "F32"));
    const files = ["./engine_peer.py", "../functions/embedded/assets/policy.safetensors"];
    const labeler = "../functions/embedded/assets/labeler.safetensors";
    const paths = [...files, labeler].map((path) => fileURLToPath(new URL(path, import.meta.url)));
    const settings = { ...DPO, answersEach: SIZES.answersEach, repetitions: REPETITIONS, steps: STEPS };
    const run = spawnSync(python, [...paths, cases, JSON.stringify(settings)], { encoding: "utf8" });
    if (run.status !== 0) throw new Error(`engine_peer.py failed: ${run.stderr}`);
    return JSON.parse(run.stdout.trim().split("\n").at(-1)!) as PeerFigures;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function compare(theirs: PeerFigures): void {
  const reference = [...pairs.map((pair) => pair.referenceChosen), ...pairs.map((pair) => pair.referenceRejected)];
  const apart = Math.max(...reference.map((logprob, at) => Math.abs(logprob - theirs.logprobs[at]!)));
  console.log(`  PyTorch ${theirs.version}, ${theirs.threads} threads: ${told(theirs)}`);
  const ratios = [
    `tokens ${(ours.tokens / theirs.tokens).toFixed(2)}`,
    `questions ${(ours.questions / theirs.questions).toFixed(2)}`,
    `DPO steps ${(theirs.stepMs / ours.stepMs).toFixed(2)}`,
  ];
  console.log(`  our speed in its units: ${ratios.join(", ")} (above 1: we are faster)`);
  const losses = `first loss ${ours.firstLoss.toFixed(6)} and ${theirs.firstLoss.toFixed(6)}`;
  console.log(
    `  the same model: logprobs of ${reference.length} answers at most ${apart.toExponential(1)} nats apart, ${losses}`,
  );
}

function told({ tokens, tokensEach, questions, stepMs }: Figures): string {
  const each = `${tokensEach.toFixed(1)} tokens a caption`;
  return `${Math.round(tokens)} tokens/s (${each}), ${Math.round(questions)} questions/s, ${stepMs.toFixed(1)} ms a step`;
}
