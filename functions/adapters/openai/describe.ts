/** What a server can do, found out by one tiny request (a few more where it refuses the first). */
import { z } from "zod";
import type { EngineInfo } from "../../../shared/ports/engine.ts";
import type { ChatBody, ChatCompletion } from "../../../shared/schemas/chat.ts";
import { type Attempted, completeOnce, withRetries } from "./attempts.ts";
import { type Connection, judgeFor } from "./connection.ts";
import { EngineFailure, type Verdict } from "./failure.ts";

/** At planning time somebody waits in front of the screen: a server that is not there is told at once. */
const PATIENCE = { overload: 6, transient: 3, unreachable: 1, garbled: 1 }; // our choice

const NODE_FETCH_LIMIT_SECONDS = 300; // undici's headersTimeout, https://undici.nodejs.org/#/docs/api/Client

// A grey square of 64 × 64 pixels, for models that answer only questions about an image.
const GREY_SQUARE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAKUlEQVR42u3MQREAAAwCIKMb3RD77SAA6VEEAoFAIBAIBAKBQCAQfA8G320AeXC6efoAAAAASUVORK5CYII=";

const LOGPROBS = { logprobs: true, top_logprobs: 20 } as const; // what the score stage asks for
// The shape of what the divide and question stages ask for: an object with one list.
const ListShape = z.strictObject({ items: z.array(z.string()) });
const JSON_FORMAT = {
  type: "json_schema",
  json_schema: {
    name: "list",
    strict: true,
    schema: {
      type: "object",
      properties: { items: { type: "array", items: { type: "string" } } },
      required: ["items"],
      additionalProperties: false,
    },
  },
} as const;

type Features = { logprobs: boolean; structuredOutput: boolean; choices: boolean; refusal?: string };
type Probe = { completion: ChatCompletion; systemFingerprint: string | undefined };
type Ask = (extra: Partial<ChatBody>) => Promise<Attempted<Probe>>;

/** Throws EngineFailure for a wrong URL, key or model name. */
export async function describeModel(connection: Connection, model: string): Promise<EngineInfo> {
  const listing = await listModels(connection, model);
  const { features, fingerprint } = await probedFeatures(connection, { model, listing });
  connection.health.answered(model);
  if (!features.choices) connection.singleChoiceModels.add(model);
  const revision = revisionOf(listing, { model, fingerprint, now: connection.clock.now() });
  return {
    name: `openai ${connection.model.baseUrl}`,
    revision: revision ?? "unknown",
    logprobs: features.logprobs,
    structuredOutput: features.structuredOutput,
    warnings: warningsFor(connection, { model, features, revision }),
  };
}

const ListedModel = z.object({
  id: z.string(),
  created: z.number().nullish(),
  owned_by: z.string().nullish(),
  root: z.string().nullish(),
});
type ListedModel = z.infer<typeof ListedModel>;

/** What `GET /models` says, `undefined` where the server has no such list. Throws on a refused key and on no connection. */
async function listModels(connection: Connection, model: string): Promise<ListedModel[] | undefined> {
  try {
    const page: unknown = await connection.client.models.list();
    const listed = z.object({ data: z.array(ListedModel) }).safeParse(page);
    return listed.success ? listed.data.data : undefined;
  } catch (error) {
    const verdict = judgeFor(connection, model)(error);
    if (verdict.kind === "unreachable" || verdict.failure.code === "key_refused")
      throw new EngineFailure(verdict.failure);
    return undefined;
  }
}

async function probedFeatures(
  connection: Connection,
  { model, listing }: { model: string; listing: ListedModel[] | undefined },
) {
  const text = askAbout(connection, { model, image: undefined });
  const everything = await text({ ...LOGPROBS, n: 2, response_format: JSON_FORMAT });
  if (everything.outcome === "answered") {
    return { features: featuresIn(everything.value.completion), fingerprint: everything.value.systemFingerprint };
  }
  // Some servers answer 500 to a feature they lack: only the plain question tells whether they answer at all.
  if (everything.verdict.kind !== "transient")
    throwIfHopeless(connection, { model, listing, verdict: everything.verdict });
  let ask = text;
  let plain = await ask({});
  if (plain.outcome === "given_up" && plain.verdict.kind === "final") {
    ask = askAbout(connection, { model, image: GREY_SQUARE });
    plain = await ask({});
  }
  if (plain.outcome === "answered")
    return { features: await featuresOneByOne(ask), fingerprint: plain.value.systemFingerprint };
  throwIfHopeless(connection, { model, listing, verdict: plain.verdict });
  const features: Features = {
    logprobs: false,
    structuredOutput: false,
    choices: true,
    refusal: plain.verdict.failure.message,
  };
  return { features, fingerprint: undefined };
}

function askAbout(connection: Connection, { model, image }: { model: string; image: string | undefined }): Ask {
  const { client, gate, clock, random } = connection;
  const question = "Name two colours.";
  const content =
    image === undefined
      ? question
      : [
          { type: "image_url" as const, image_url: { url: image } },
          { type: "text" as const, text: question },
        ];
  const base = { model, messages: [{ role: "user" as const, content }], max_tokens: 48, temperature: 0, seed: 1 };
  return async (extra) => {
    const { signal } = new AbortController();
    const pass = await gate.begin(signal);
    let systemFingerprint: string | undefined;
    const onRaw = (raw: unknown) => {
      systemFingerprint = z.object({ system_fingerprint: z.string().min(1) }).safeParse(raw).data?.system_fingerprint;
    };
    const call = async () => ({
      completion: await completeOnce(client, { ...base, ...extra }, { signal, onRaw }),
      systemFingerprint,
    });
    try {
      return await withRetries(call, {
        pass,
        clock,
        random,
        patience: PATIENCE,
        judge: judgeFor(connection, model),
        signal,
        stopWaiting: signal,
      });
    } finally {
      pass.end();
    }
  };
}

/** Only a refusal of this very request (4xx) leaves something to find out. */
function throwIfHopeless(
  connection: Connection,
  found: { model: string; listing: ListedModel[] | undefined; verdict: Verdict },
) {
  const { model, listing, verdict } = found;
  const unknown =
    verdict.failure.code === "model_not_found" ||
    (verdict.kind === "final" && listing?.every(({ id }) => id !== model));
  if (unknown && listing !== undefined) {
    const message = `${connection.model.baseUrl} does not serve the model ${model}. It serves: ${named(listing)}.`;
    throw new EngineFailure({ code: "model_not_found", message, retryable: false });
  }
  if (verdict.kind !== "final") throw new EngineFailure(verdict.failure);
}

function named(listing: readonly ListedModel[]): string {
  const shown = listing.slice(0, 10).map(({ id }) => id);
  const more = listing.length - shown.length;
  return shown.length === 0 ? "nothing" : shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function featuresIn({ choices }: ChatCompletion): Features {
  const first = choices[0];
  const alternatives = first?.logprobs?.content?.[0]?.top_logprobs.length ?? 0;
  return {
    logprobs: alternatives >= 2,
    structuredOutput: obeys(first?.message.content),
    choices: choices.length === 2,
  };
}

function obeys(content: string | null | undefined): boolean {
  try {
    return ListShape.safeParse(JSON.parse(content ?? "")).success;
  } catch {
    return false;
  }
}

async function featuresOneByOne(ask: Ask): Promise<Features> {
  const found = async (extra: Partial<ChatBody>) => {
    const answer = await ask(extra);
    return answer.outcome === "answered" ? featuresIn(answer.value.completion) : undefined;
  };
  return {
    logprobs: (await found(LOGPROBS))?.logprobs ?? false,
    structuredOutput: (await found({ response_format: JSON_FORMAT }))?.structuredOutput ?? false,
    choices: (await found({ n: 2 }))?.choices ?? false,
  };
}

/**
 * The fingerprint of the reply, else what the listing tells. `created` counts only when it is older than a minute:
 * vLLM and SGLang put the time of the question there.
 */
function revisionOf(
  listing: readonly ListedModel[] | undefined,
  { model, fingerprint, now }: { model: string; fingerprint: string | undefined; now: number },
): string | undefined {
  const listed = listing?.find(({ id }) => id === model);
  const created = listed?.created && Math.abs(now / 1000 - listed.created) > 60 ? listed.created : undefined;
  const facts = { fingerprint, root: listed?.root ?? undefined, created, owner: listed?.owned_by ?? undefined };
  if (fingerprint === undefined && facts.root === undefined && created === undefined) return undefined;
  return Object.entries(facts)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join(" ");
}

function warningsFor(
  connection: Connection,
  { model, features, revision }: { model: string; features: Features; revision: string | undefined },
): string[] {
  const { baseUrl, timeoutSeconds } = connection.model;
  const who = `${baseUrl} (model ${model})`;
  const warnings: string[] = [];
  if (features.refusal !== undefined)
    warnings.push(`${who} refuses a plain question, so nothing could be found out about it: ${features.refusal}`);
  else if (!features.logprobs) warnings.push(`${who} returns no top_logprobs: it cannot be a labeler`);
  if (!features.choices)
    warnings.push(`${who} gives one choice a request: n choices cost n requests, choice i with seed + i`);
  if (revision === undefined)
    warnings.push(`${who} does not tell its revision: after a change of its weights, give the model a new name`);
  if (timeoutSeconds > NODE_FETCH_LIMIT_SECONDS && connection.fetch === undefined) {
    warnings.push(
      `timeoutSeconds ${timeoutSeconds} acts as ${NODE_FETCH_LIMIT_SECONDS}: Node's fetch waits no longer for a reply to begin`,
    );
  }
  return warnings;
}
