/** What keeps a config from becoming a run of the service, told with the field and the way out. */
import { manifestKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { DataRef, ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { RunPlan } from "../../shared/schemas/plan.ts";
import { EngineFailure } from "../adapters/openai/failure.ts";
import type { Principal } from "../api/admission/admission.ts";
import type { Refused } from "../api/deps.ts";
import { EvaluationError } from "../evals/problems.ts";

/** A server the operator has named: whoever has a key may use it with this variable's secret, and no other. */
export type AllowedServer = { baseUrl: string; apiKeyEnv: string };

/** Everything that can be told without looking at the data. */
export async function refuseConfig(
  config: RunConfig,
  asker: Pick<Principal, "kind">,
  { servers, blobs }: { servers: readonly AllowedServer[]; blobs: Pick<BlobStore, "read"> },
): Promise<Refused | undefined> {
  const foreign = asker.kind === "owner" ? undefined : refuseForeignServer(config, servers);
  return foreign ?? refuseData(config, blobs);
}

function modelsOf({ policy, divider, questioner, labelers }: RunConfig): [string, ModelRef][] {
  return [
    ["policy", policy],
    ["divider", divider],
    ["questioner", questioner],
    ...labelers.map((labeler, index): [string, ModelRef] => [`labelers.${index}`, labeler]),
  ];
}

/**
 * The service sends the variable's secret to the server: were both free, a key could name its own server and any variable
 * of the service's environment.
 */
function refuseForeignServer(config: RunConfig, servers: readonly AllowedServer[]): Refused | undefined {
  for (const [role, model] of modelsOf(config)) {
    if (model.engine !== "openai") continue;
    const known = servers.filter(({ baseUrl }) => sameUrl(baseUrl, model.baseUrl ?? ""));
    if (known.length === 0) return foreignServer(role, model, servers);
    if (known.some(({ apiKeyEnv }) => apiKeyEnv === model.apiKeyEnv)) continue;
    return {
      outcome: "refused",
      code: "model.key_not_allowed",
      field: `config.${role}.apiKeyEnv`,
      value: model.apiKeyEnv,
      detail: `This service does not send ${model.apiKeyEnv} to ${model.baseUrl}.`,
      fix: `Use apiKeyEnv ${known.map(({ apiKeyEnv }) => apiKeyEnv).join(" or ")}.`,
    };
  }
  return undefined;
}

function foreignServer(role: string, { baseUrl }: ModelRef, servers: readonly AllowedServer[]): Refused {
  const names = servers.map((server) => server.baseUrl).join(", ");
  return {
    outcome: "refused",
    code: "model.server_not_allowed",
    field: `config.${role}.baseUrl`,
    value: baseUrl,
    detail: "With a key, a run may only use servers that the operator of this service has named.",
    fix: `${names === "" ? 'Use the engine "embedded"' : `Use ${names}`}, or ask the operator to name this one.`,
  };
}

const sameUrl = (a: string, b: string): boolean => a.replace(/\/+$/, "") === b.replace(/\/+$/, "");

async function refuseData(config: RunConfig, blobs: Pick<BlobStore, "read">): Promise<Refused | undefined> {
  for (const name of ["coco", "amber"] as const) {
    const path = config.evaluate?.[name];
    if (path !== undefined) return pathRefused(`config.evaluate.${name}`, path);
  }
  const parts: [string, DataRef | undefined][] = [
    ["config.data", config.data],
    ["config.evaluate.data", config.evaluate?.data],
    ["config.evaluate.selection", config.evaluate?.selection],
  ];
  for (const [field, ref] of parts) {
    if (ref === undefined) continue;
    if (!("manifest" in ref)) return pathRefused(`${field}.path`, ref.path);
    if ((await blobs.read(manifestKey(ref.manifest), { offset: 0, length: 0 })) !== undefined) continue;
    return {
      outcome: "refused",
      code: "manifest.not_found",
      field: `${field}.manifest`,
      value: ref.manifest,
      detail: `There is no manifest ${ref.manifest} here.`,
      fix: "Send it with POST /v1/manifests, or send its rows in this request.",
    };
  }
  return undefined;
}

const pathRefused = (field: string, path: string): Refused => ({
  outcome: "refused",
  code: "config.path",
  field,
  value: path,
  detail: "A service reads no paths.",
  fix: 'Send the rows as a manifest and name it: {"manifest": "man_…"}.',
});

/** Why a planned run cannot make anything. */
export function hopeless({ samples, models }: Pick<RunPlan, "samples" | "models">): Refused | undefined {
  if (samples.data === 0) {
    return {
      outcome: "refused",
      code: "run.no_samples",
      field: "config.data",
      detail: "no row of the data can be used",
      fix: "see the bad rows; mend them and start again",
    };
  }
  const mute = models.find(({ role, logprobs }) => role.startsWith("labeler") && !logprobs);
  if (mute === undefined) return undefined;
  return {
    outcome: "refused",
    code: "model.no_logprobs",
    field: `config.${mute.role.replace("labeler/", "labelers.")}`,
    value: mute.model,
    detail: `${mute.role} ${mute.model} at ${mute.engine} returns no logprobs`,
    fix: "p(yes) and p(no) cannot be read from it: use a server that gives logprobs (vLLM does)",
  };
}

/** A server that does not answer, or a truth that is wrong, is the asker's to mend; anything else is thrown on. */
export function refuseMendable(error: unknown): Refused {
  if (error instanceof EvaluationError) {
    const { message: detail, fix } = error;
    return { outcome: "refused", code: "config.truth", field: "config.evaluate", detail, fix };
  }
  if (!(error instanceof EngineFailure)) throw error;
  return {
    outcome: "refused",
    code: `model.${error.failure.code}`,
    field: "config",
    detail: error.message,
    fix: "Start or mend that server, or name another.",
  };
}
