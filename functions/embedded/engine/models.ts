import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { BlobStore } from "../../../shared/ports/blob-store.ts";
import { readSafetensors } from "../autodiff/safetensors.ts";
import type { Weights } from "../autodiff/weights.ts";
import { checkWeights } from "../model/architecture.ts";

/** `vision` names the weights that read pictures: checkpoints that share them share what was read. */
export type LoadedModel = { role: "policy" | "labeler"; weights: Weights; revision: string; vision: string };
export type SkillModel = { role: "divider" | "questioner"; revision: string };
export type Model = LoadedModel | SkillModel;

/** Names the rules of `skills.ts`: a new number whenever they answer anything differently. */
const SKILLS_REVISION = "rules-1";
const PREFIX = "embedded/";

/** The four models that are always there. */
export const BUILT_IN = ["embedded/policy", "embedded/labeler", "embedded/divider", "embedded/questioner"] as const;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function visionFingerprint(weights: Weights): string {
  const hash = createHash("sha256");
  for (const [name, { data }] of Object.entries(weights)) if (name.startsWith("vision.")) hash.update(data);
  return hash.digest("hex");
}

function load(bytes: Uint8Array, role: "policy" | "labeler", from: string): LoadedModel {
  const weights = checkWeights(readSafetensors(bytes).weights, from);
  return { role, weights, revision: sha256(bytes), vision: visionFingerprint(weights) };
}

/** The weights that come with the project. */
export async function loadBuiltIn(name: "policy" | "labeler"): Promise<LoadedModel> {
  return load(await readFile(new URL(`../assets/${name}.safetensors`, import.meta.url)), name, `embedded/${name}`);
}

/**
 * Finds models by name: `embedded/policy` and its three siblings, or the BlobStore key of a checkpoint, which is a
 * policy. Checkpoints stay in memory while they are among the last few used.
 */
export function modelShelf(blobs: Pick<BlobStore, "read">) {
  const shelf = new Map<string, Promise<Model>>();
  const CHECKPOINTS_KEPT = 4; // our choice: the round's policy and the checkpoints that are compared with it

  async function open(name: string): Promise<Model> {
    const role = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
    if (role === "policy" || role === "labeler") return loadBuiltIn(role);
    if (role === "divider" || role === "questioner") return { role, revision: SKILLS_REVISION };
    const bytes = name.endsWith(".safetensors") ? await blobs.read(name) : undefined;
    if (bytes) return load(bytes, "policy", name);
    throw new Error(
      `model: the embedded engine has no "${name}"; it serves ${BUILT_IN.join(", ")} and checkpoints by their key`,
    );
  }

  return function find(name: string): Promise<Model> {
    const known = shelf.get(name) ?? open(name);
    shelf.delete(name); // and put it last, where the latest used stand
    shelf.set(name, known);
    known.catch(() => shelf.delete(name));
    const checkpoints = [...shelf.keys()].filter((key) => !key.startsWith(PREFIX));
    for (const key of checkpoints.slice(0, -CHECKPOINTS_KEPT)) shelf.delete(key);
    return known;
  };
}
