/** Problem codes that are made elsewhere: by keys, limits, idempotency, images, addresses, models and money. */
import type { UrlField, WebProblem } from "../intake/web-error.ts";
import type { ProblemEntry } from "./problem-codes.ts";

const LATER = "Come back after Retry-After seconds, or ask for a higher limit.";
const NEW_KEY = 'Ask for a new key; "rlaifv keys create" makes one.';

export const KEY_CODES = {
  "key.missing": {
    status: 401,
    meaning: "The route needs an API key, and none was sent.",
    fix: 'Send "Authorization: Bearer rlk_…"; "rlaifv keys create" makes a key.',
  },
  "key.malformed": {
    status: 401,
    meaning: "The Authorization header holds no API key.",
    fix: 'Send "Authorization: Bearer rlk_…" with the whole key.',
  },
  "key.unknown": {
    status: 401,
    meaning: "The server does not know this key.",
    fix: "Check that the whole key was copied, and that it was made for this server.",
  },
  "key.revoked": { status: 401, meaning: "The key was revoked.", fix: NEW_KEY },
  "key.expired": { status: 401, meaning: "The key has expired.", fix: NEW_KEY },
  "key.scope": {
    status: 403,
    meaning: "The key's scopes do not allow this.",
    fix: "Use a key of the scope that is named.",
  },
  "limit.requests": { status: 429, meaning: "All requests of this minute are used.", fix: LATER },
  "limit.concurrency": {
    status: 429,
    meaning: "Too many requests are under way at once.",
    fix: "Wait for one of them to end.",
  },
  "limit.tokens": { status: 429, meaning: "The tokens of this day are used.", fix: LATER },
  "limit.usd": { status: 429, meaning: "The money of this day is spent.", fix: LATER },
  "idempotency.key": {
    status: 400,
    meaning: "The Idempotency-Key has characters that a key cannot have.",
    fix: "Send 1 to 255 visible ASCII characters, e.g. a UUID.",
  },
  "idempotency.other_body": {
    status: 422,
    meaning: "The Idempotency-Key was used before, with another body, content type or query.",
    fix: "Send a new key for a new request; to repeat the first one, send exactly what was sent then.",
  },
  "idempotency.not_replayable": {
    status: 422,
    meaning: "The request was answered with a stream, a secret or a body too large to be kept.",
    fix: "Send a new Idempotency-Key; it does the work again.",
  },
  "idempotency.in_progress": {
    status: 409,
    meaning: "The request with this Idempotency-Key is still in progress.",
    fix: "Send it again after Retry-After seconds: when it has ended, you get its answer.",
  },
} as const satisfies Record<string, ProblemEntry>;

export const RUN_CODES = {
  "budget.over_day": {
    status: 402,
    meaning: "The key's day has less money left than the run may cost.",
    fix: "Ask for a smaller budget, or come back tomorrow (UTC).",
  },
  "budget.below_spent": {
    status: 409,
    meaning: "The run has spent more than this budget already.",
    fix: "Ask for at least what is settled and reserved: GET /v1/runs/{id}.",
  },
  "estimate.on_gpu": {
    status: 400,
    meaning: "The config's models compute on GPUs that an estimate does not make.",
    fix: 'Run "rlaifv run CONFIG --dry-run", which reckons by the price of GPUs, or a run of 10 samples.',
  },
  "train.not_here": {
    status: 422,
    meaning: "The config names a trainer that this service does not have.",
    fix: 'Use trainer "modal" on a deployment, "embedded" on one machine, or leave "train" out.',
  },
  "demo.not_here": {
    status: 422,
    meaning: "The embedded demo computes on the machine of its service, and this service has none.",
    fix: 'Run "npm run demo" on your machine, or a small run of your own here.',
  },
  "run.no_samples": {
    status: 400,
    meaning: "No row of the data can be used.",
    fix: "Mend the bad rows and start again.",
  },
  "config.path": {
    status: 400,
    meaning: "A config that is sent to a service cannot name files of its machine.",
    fix: 'Upload the rows (POST /v1/manifests) and name the manifest: { "manifest": "man_…" }.',
  },
  "config.truth": {
    status: 400,
    meaning: "What is in the evaluated pictures is not known, or told wrongly; or the two splits share pictures.",
    fix: 'Give the rows of `evaluate.data` and `evaluate.selection` their truth: "objects": ["dog", …]; no picture may be in both.',
  },
  "model.server_not_allowed": {
    status: 403,
    meaning: "With a key, runs use only the servers that the operator has named.",
    fix: 'Use one of those, or the engine "embedded".',
  },
  "model.key_not_allowed": {
    status: 403,
    meaning: "The service sends this variable's secret to other servers only.",
    fix: "Use the apiKeyEnv that the operator has named for this server.",
  },
  "model.no_logprobs": {
    status: 400,
    meaning: "The labeler's server returns no logprobs.",
    fix: "Use a server that gives logprobs (vLLM does).",
  },
} as const satisfies Record<string, ProblemEntry>;

const ASK_AGAIN = "Try again; if it stays, look at that server.";
const MEND = "Mend the config or that server, or name another.";

/** What the server of a model says when a run is planned, in the words of functions/adapters/openai/failure.ts. */
export const MODEL_CODES = {
  "pilot.all_parked": {
    status: 400,
    meaning: "No sample of the pilot came through.",
    fix: "Mend what `detail` names: a run would park its samples the same way.",
  },
  "model.not_connected": { status: 503, meaning: "The model's server cannot be reached.", fix: ASK_AGAIN },
  "model.connection_lost": { status: 503, meaning: "The connection to the model's server broke.", fix: ASK_AGAIN },
  "model.timed_out": { status: 503, meaning: "The model's server took too long.", fix: ASK_AGAIN },
  "model.overloaded": { status: 503, meaning: "The model's server is overloaded.", fix: ASK_AGAIN },
  "model.rate_limited": { status: 503, meaning: "The model's server takes no more requests now.", fix: ASK_AGAIN },
  "model.server_error": { status: 503, meaning: "The model's server failed.", fix: ASK_AGAIN },
  "model.garbled_reply": { status: 503, meaning: "The server answered with no chat completion.", fix: MEND },
  "model.key_refused": { status: 400, meaning: "The model's server refuses its key.", fix: MEND },
  "model.forbidden": { status: 400, meaning: "The model's server does not allow this.", fix: MEND },
  "model.quota_exhausted": { status: 400, meaning: "The quota at the model's server is used.", fix: MEND },
  "model.model_not_found": { status: 400, meaning: "The server has no model of this name.", fix: MEND },
  "model.bad_request": { status: 400, meaning: "The model's server refuses the request.", fix: MEND },
  "model.image_unusable": { status: 400, meaning: "The model's server cannot use the image.", fix: MEND },
} as const satisfies Record<string, ProblemEntry>;

const CONVERT = "Convert it to JPEG, PNG or WebP.";

export const IMAGE_CODES = {
  "image.not_found": {
    status: 404,
    meaning: "There is no image of this id.",
    fix: "POST /v1/images uploads one and answers with its id.",
  },
  "image.unknown_format": { status: 400, meaning: "The bytes are no JPEG, PNG or WebP.", fix: CONVERT },
  "image.unknown_encoding": {
    status: 400,
    meaning: "The text is neither a data URL nor base64.",
    fix: "Send data:image/png;base64,… or the bytes themselves.",
  },
  "image.broken": { status: 400, meaning: "The image does not decode to its end.", fix: "Send the whole file." },
  "image.too_large": { status: 400, meaning: "The image has too many bytes or pixels.", fix: "Scale it down." },
  "image.animated": { status: 400, meaning: "The image has several frames.", fix: "Send one of them." },
  "image.is_a_url": {
    status: 400,
    meaning: "This server fetches nothing from the network.",
    fix: "Send the bytes, or a data URL.",
  },
} as const satisfies Record<string, ProblemEntry>;

const WEB_MEANINGS: Record<WebProblem, string> = {
  malformed: "This is no absolute URL.",
  not_https: "Only https is fetched or called.",
  credentials: "The URL holds a user name or password.",
  port: "Only the port of https, 443, is fetched or called.",
  odd_host: "The host is an address in an unusual form.",
  unknown_host: "The host's name has no address.",
  private_address: "The host's address is not on the public internet.",
  too_many_redirects: "The URL redirects too often.",
  bad_status: "The URL did not answer with 200.",
  encoded_reply: "The answer is compressed, which images do not need.",
  too_large: "The answer is too long.",
  timed_out: "The answer took too long.",
  no_connection: "No connection could be made.",
  cut_off: "The connection broke in the middle.",
};

const webCodes = <F extends UrlField>(field: F) =>
  Object.fromEntries(
    Object.entries(WEB_MEANINGS).map(([what, meaning]) => [
      `${field}.${what}`,
      { status: 400, meaning, fix: "Give an https URL on the public internet that answers at once, without a login." },
    ]),
  ) as Record<`${F}.${WebProblem}`, { status: 400; meaning: string; fix: string }>;

export const WEB_CODES = { ...webCodes("image_url"), ...webCodes("webhook_url") } satisfies Record<
  string,
  ProblemEntry
>;
