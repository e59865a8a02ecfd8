/** What must be right at Modal: the token, the deployed app, the contract it speaks, and what a plan allows. */
import type { ModalClient } from "modal";
import { GpuConfig, type RunConfig } from "../../../shared/schemas/config.ts";
import { GPU_CONTRACT } from "../../../shared/schemas/gpu.ts";
import { openModalClient } from "../../adapters/modal/client.ts";
import { isMissing, isRefused } from "../../adapters/modal/failures.ts";
import { modalGpuCalls } from "../../adapters/modal/gpu-calls.ts";
import type { Check } from "../doctor-checks.ts";
import { answered, unnamed } from "./check.ts";
import type { CloudSecrets, CloudSettings } from "./settings.ts";

const DEPLOY = 'deploy it with "modal deploy functions/gpu/app.py"';
const TOKEN_FIX =
  'make a token at modal.com/settings/tokens and set it with "sst secret set ModalTokenId" and "… ModalTokenSecret"';
/** GPUs at once by plan: modal.com/pricing, 2026-07. */
const PLAN_GPUS = { Starter: 10, Team: 50 } as const;
/** Our choice: `contract` may have to wait for a CPU container, the rest answers at once. */
const THROTTLE_WAIT_SECONDS = 20;

type Asked = { settings: CloudSettings; secrets: CloudSecrets; serverUrl: string | undefined };

export async function modalChecks({ settings, secrets, serverUrl }: Asked): Promise<Check[]> {
  const { RLAIFV_MODAL_APP: app, RLAIFV_MODAL_ENVIRONMENT: environment } = settings;
  const malformed = tokenFault(secrets);
  if (malformed !== undefined) return [{ ok: false, what: "Modal token", found: malformed, fix: TOKEN_FIX }];
  if (app === undefined) return [unnamed("Modal app", "RLAIFV_MODAL_APP")];
  const { tokenId = "", tokenSecret = "" } = secrets;
  const access = { tokenId, tokenSecret, environment, serverUrl, maxThrottleWaitSeconds: THROTTLE_WAIT_SECONDS };
  const client = openModalClient(access);
  try {
    const token = await tokenCheck(client, app);
    if (!token.ok) return [token];
    return [token, ...(await deployedChecks(client, { app, environment }))];
  } finally {
    client.close();
  }
}

function tokenFault({ tokenId, tokenSecret }: CloudSecrets): string | undefined {
  if (tokenId === undefined || tokenSecret === undefined)
    return `${tokenId === undefined ? "ModalTokenId" : "ModalTokenSecret"} is missing`;
  if (!/^ak-[\w-]+$/.test(tokenId)) return "ModalTokenId does not look like ak-…";
  return /^as-[\w-]+$/.test(tokenSecret) ? undefined : "ModalTokenSecret does not look like as-…";
}

/** A missing app is no fault of the token. */
function tokenCheck(client: ModalClient, app: string): Promise<Check> {
  return answered(
    "Modal token",
    `${TOKEN_FIX}; without a network: let this machine reach api.modal.com:443`,
    async () => {
      try {
        await client.apps.fromName(app);
      } catch (error) {
        if (isRefused(error)) return { ok: false, found: "Modal refuses it" };
        if (!isMissing(error)) throw error;
      }
      return { ok: true, found: "accepted" };
    },
  );
}

async function deployedChecks(
  client: ModalClient,
  { app, environment }: { app: string; environment: string | undefined },
): Promise<Check[]> {
  const place = environment === undefined ? app : `${app} in ${environment}`;
  const gpu = modalGpuCalls({ client, app, environment });
  let contract: number | undefined;
  const deployed = await answered(
    "Modal app",
    `check RLAIFV_MODAL_APP and RLAIFV_MODAL_ENVIRONMENT, or ${DEPLOY}`,
    async () => {
      const found = await gpu.deployed();
      contract = found.contract;
      return {
        ok: true,
        found: `${place}, ${found.version === undefined ? "version not told" : `version ${found.version}`}`,
      };
    },
  );
  if (contract === undefined) return [deployed];
  const found = `it speaks ${contract}, this version ${GPU_CONTRACT}`;
  return [deployed, { ok: contract === GPU_CONTRACT, what: "GPU contract", found, fix: `${DEPLOY} from this version` }];
}

/** A hint, for Modal tells nobody a workspace's limits: more containers than allowed wait, they do not fail. */
export function gpuHint(config: RunConfig | undefined): Check {
  const plans = Object.entries(PLAN_GPUS).map(([plan, gpus]) => `${plan} ${gpus}`);
  const limits = `Modal's plans allow ${plans.join(", ")} GPUs at once`;
  if (config === undefined)
    return { ok: true, what: "GPUs", found: `${limits}; --config FILE tells what a run asks for` };
  const most = Math.max(0, ...gpusOf(config));
  return { ok: true, what: "GPUs", found: `${config.name} asks for up to ${most} at once; ${limits}, the rest waits` };
}

/** Stages follow each other, so that the largest counts. */
function gpusOf({ policy, divider, questioner, labelers, train }: RunConfig): number[] {
  const models = [policy, divider, questioner, ...labelers].filter(({ engine }) => engine === "modal");
  const asked = models.map(({ gpu }) => GpuConfig.parse(gpu ?? {}));
  const training = train?.trainer === "modal" ? [train.gpu?.count ?? TRAIN_GPUS] : [];
  return [...asked.map(({ count, maxContainers }) => count * maxContainers), ...training];
}

/** What `train.gpu` is when left out. */
const TRAIN_GPUS = 8;
