/** Who sees which secret. SST encrypts them into the functions that are linked to them. */
import { SECRETS, type Worker } from "./plan.ts";

type SecretName = (typeof SECRETS)[number];
export type Secrets = Record<SecretName, sst.Secret>;

export function secrets(): Secrets {
  return Object.fromEntries(SECRETS.map((name) => [name, new sst.Secret(name)])) as Secrets;
}

/** Who begins, looks at or stops GPU calls. */
export const ASKS_MODAL: readonly Worker[] = ["dispatch", "collect", "train", "sweep", "ended", "api"];

/** The secrets of a function. `CallbackSecret`: whoever checks what GPU functions report. */
export function secretsOf(worker: Worker): SecretName[] {
  return [
    ...(ASKS_MODAL.includes(worker) ? (["ModalTokenId", "ModalTokenSecret"] as const) : []),
    ...(worker === "callback" ? (["CallbackSecret"] as const) : []),
    ...(worker === "api" ? (["OperatorKey", "ServeKey"] as const) : []),
  ];
}
