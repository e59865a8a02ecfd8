import { readFile } from "node:fs/promises";
import { readSafetensors } from "../autodiff/safetensors.ts";
import type { Weights } from "../autodiff/weights.ts";
import { checkWeights } from "../model/architecture.ts";
import { prefixGraph } from "../model/prefix-graph.ts";
import { CAPTION, decode } from "../model/tokenizer.ts";
import { visionGraph } from "../model/vision-graph.ts";
import { randomOf } from "../random.ts";
import { sampler } from "../sampling/sampler.ts";
import type { Art } from "../world/art.ts";
import { markAnswer, type Summary, summarise, summaryLine } from "../world/marks.ts";
import { renderScene } from "../world/render.ts";
import { type Scene, sceneAt } from "../world/scene.ts";
import { examLine, questionExam } from "./question-exam.ts";

/** What both checkpoints must do before anything is built on them (docs/embedded.md). */
export const GATES = { questionsRight: 0.95, greedyRecall: 0.98, malformed: 0.05 } as const;

export type GateResult = { outcome: "passed" } | { outcome: "failed"; failures: string[] };

const EXAM_SCENES = 500;
const CAPTION_SCENES = 300;
const SAMPLED_EACH = 4; // 300 sampled captions alone would leave the malformed share uncertain by 2.5 points

/** One caption for each scene. */
export async function captionScenes(
  weights: Weights,
  art: Art,
  scenes: readonly Scene[],
  temperature: number,
): Promise<string[]> {
  const [vision, prefixes, writer] = [await visionGraph(), await prefixGraph(), await sampler(weights)];
  const images = await vision.see(
    weights,
    scenes.map((scene) => renderScene(scene, art)),
  );
  const read = await prefixes.read(weights, images);
  const written = await Promise.all(
    read.map((prefix, i) =>
      writer.write({
        prefix,
        prompt: [CAPTION],
        decoding: { temperature, topP: 1 },
        random: randomOf("caption", scenes[i]!.look, i),
        maxTokens: 64,
      }),
    ),
  );
  await Promise.all([vision.release(), prefixes.release(), writer.release()]);
  return written.map(({ ids }) => decode(ids));
}

function captionFailures(greedy: Summary, sampled: Summary): string[] {
  const failures: string[] = [];
  if (greedy.recall < GATES.greedyRecall)
    failures.push(`policy: greedy recall ${greedy.recall.toFixed(3)} < ${GATES.greedyRecall}`);
  for (const [name, { malformed }] of Object.entries({ greedy, sampled })) {
    if (malformed > GATES.malformed)
      failures.push(`policy: ${name} malformed ${malformed.toFixed(3)} > ${GATES.malformed}`);
  }
  return failures;
}

async function load(folder: URL, name: string): Promise<Weights> {
  const file = new URL(`${name}.safetensors`, folder);
  return checkWeights(readSafetensors(await readFile(file)).weights, file.pathname);
}

/** Examines the checkpoints as they were written, on tuning scenes. */
export async function checkGates(art: Art, folder: URL, say: (line: string) => void): Promise<GateResult> {
  const failures: string[] = [];
  const exam = await questionExam(art, EXAM_SCENES);
  for (const name of ["labeler", "policy"]) {
    const result = await exam.mark(await load(folder, name));
    say(`gate: ${name} questions right: ${examLine(result)}`);
    for (const [kind, { right, asked }] of Object.entries(result)) {
      const share = right / asked;
      if (share < GATES.questionsRight)
        failures.push(`${name}: ${kind} questions ${share.toFixed(3)} < ${GATES.questionsRight}`);
    }
  }
  const policy = await load(folder, "policy");
  const scenes = Array.from({ length: CAPTION_SCENES }, (_, i) => sceneAt("tuning", 1, i));
  const describe = async (temperature: number, each: number) => {
    const asked = scenes.flatMap((scene) => Array.from({ length: each }, () => scene));
    const texts = await captionScenes(policy, art, asked, temperature);
    return summarise(texts.map((text, i) => markAnswer(asked[i]!, text)));
  };
  const [greedy, sampled] = [await describe(0, 1), await describe(1, SAMPLED_EACH)];
  say(`gate: greedy captions: ${summaryLine(greedy)}`);
  say(`gate: sampled captions: ${summaryLine(sampled)}`);
  failures.push(...captionFailures(greedy, sampled));
  return failures.length === 0 ? { outcome: "passed" } : { outcome: "failed", failures };
}
