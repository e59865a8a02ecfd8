/** What must be right before a run: each check says what it found, and what to do where it failed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { sceneRows } from "../embedded/world/manifest.ts";
import { acceptImage } from "../intake/accept-image.ts";
import { EMBEDDED, embeddedConfig } from "../runtime/embedded-models.ts";
import { type Local, openLocal } from "../runtime/local.ts";
import { answeredSample, localWalk, scoreAnswers } from "../trust/walk.ts";
import { readConfigFile } from "./config-file.ts";

export type Check = { ok: boolean; what: string; found: string; fix?: string };

const NODE_NEEDED = 24;

export async function doctorChecks(options: { data: string; config?: string }): Promise<Check[]> {
  const scratch = await mkdtemp(join(tmpdir(), "rlaifv-doctor-"));
  const local = await openLocal({ dataDir: scratch, env: process.env });
  try {
    const checks = [
      nodeVersion(),
      await attempt("data folder", "choose a folder on a local disk you may write to with --data DIR", () =>
        writable(options.data),
      ),
      await attempt("embedded engine", 'run "npm ci" again; glibc is needed (Alpine has none)', () =>
        embeddedAnswers(local),
      ),
    ];
    if (options.config === undefined) return checks;
    const config = await readConfigFile(options.config);
    const models: [string, ModelRef][] = [
      ["policy", config.policy],
      ["divider", config.divider],
      ["questioner", config.questioner],
      ...config.labelers.map((labeler, index): [string, ModelRef] => [`labeler/${index}`, labeler]),
    ];
    for (const [role, model] of models) {
      checks.push(
        await attempt(`${role} ${model.model}`, "see the message; then try again", () =>
          modelAnswers(role, model, local),
        ),
      );
    }
    return checks;
  } finally {
    await local.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

function nodeVersion(): Check {
  const ok = Number(process.versions.node.split(".")[0]) >= NODE_NEEDED;
  return { ok, what: "Node", found: process.version, fix: 'start with "npx rlaifv", which brings its own Node' };
}

async function attempt(what: string, fix: string, check: () => Promise<string>): Promise<Check> {
  try {
    return { ok: true, what, found: await check() };
  } catch (error) {
    return { ok: false, what, found: error instanceof Error ? error.message : String(error), fix };
  }
}

async function writable(folder: string): Promise<string> {
  const local = await openLocal({ dataDir: folder, env: {} });
  await local.close();
  return `${folder} can be written`;
}

/** Asks about a picture whose content is known: a wrong answer is a failure too. */
async function embeddedAnswers(local: Local): Promise<string> {
  const config = embeddedConfig({
    name: "doctor",
    seed: 1,
    rounds: 1,
    data: "none",
    selection: "none",
    evaluation: "none",
  });
  for await (const { image, metadata, question } of sceneRows({ split: "tuning", seed: 1, count: 1 })) {
    const present = metadata.scene.objects[0]!.class;
    const accepted = await acceptImage(image);
    if (accepted.outcome === "refused") throw new Error(accepted.reason);
    const stored = {
      sha256: await local.blobs.writeContent(accepted.bytes),
      path: "scene.png",
      width: accepted.width,
      height: accepted.height,
    };
    const sample = answeredSample({
      image: stored,
      question,
      answers: [{ text: `There is a ${present}.`, finishReason: "stop" }],
    });
    const scored = await scoreAnswers(sample, { config }, localWalk(local, AbortSignal.timeout(60_000)));
    const label = scored.candidates[0]?.claims[0]?.labels[0];
    if (label === undefined || label === null || label.pYes <= label.pNo)
      throw new Error(`the labeler does not see the ${present} in a picture of one`);
    return `sees a ${present} with p(yes) ${label.pYes.toFixed(3)} (${EMBEDDED.labelers[0]!.model})`;
  }
  throw new Error("the world drew no picture");
}

async function modelAnswers(role: string, model: ModelRef, { models }: Local): Promise<string> {
  const { info } = await models.bind(model, undefined);
  if (role.startsWith("labeler") && !info.logprobs)
    throw new Error(`${info.name} returns no logprobs: it cannot be a labeler`);
  const notes = info.warnings.length === 0 ? "" : `; ${info.warnings.join("; ")}`;
  return `${info.name} answers${info.logprobs ? ", with logprobs" : ""}${info.structuredOutput ? ", with structured output" : ""}${notes}`;
}
