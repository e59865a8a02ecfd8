/** AWS and Modal: the only place that chooses the adapters of the cloud. */
import { tmpdir } from "node:os";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import type { ModalClient } from "modal";
import type { GpuCalls } from "../../shared/ports/calls.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import { randomFrom } from "../../shared/random.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import { systemClock } from "../adapters/clock.ts";
import { dynamoStore } from "../adapters/dynamo/store.ts";
import { openModalClient } from "../adapters/modal/client.ts";
import { modalGpuCalls } from "../adapters/modal/gpu-calls.ts";
import { EngineFailure } from "../adapters/openai/failure.ts";
import { powertoolsTelemetry } from "../adapters/powertools/telemetry.ts";
import { s3BlobStore } from "../adapters/s3/blob-store.ts";
import { openS3Client } from "../adapters/s3/client.ts";
import { presignedUploads } from "../adapters/s3/presign.ts";
import { openStepFunctionsClient } from "../adapters/step-functions/client.ts";
import { stepFunctionsOrchestrator } from "../adapters/step-functions/orchestrator.ts";
import { MODAL_PLACEMENT, PATIENCE } from "../workers/gpu/deps.ts";
import type { AwsConfig, Secrets } from "./aws-config.ts";
import { type Cloud, openCloud } from "./cloud/cloud.ts";
import { modelSource } from "./models.ts";

/** Clients that are made elsewhere: tests point them at emulators. */
export type AwsClients = {
  dynamo: DynamoDBClient;
  s3: ReturnType<typeof openS3Client>;
  stepFunctions: ReturnType<typeof openStepFunctionsClient>;
  modal: () => ModalClient;
  /** Begins the function of this name with this event, and does not wait for it. */
  invoke: (functionName: string, event: unknown) => Promise<void>;
};

export function awsClients(config: AwsConfig, secrets: Secrets): AwsClients {
  const { AWS_REGION: region, RLAIFV_MODAL_ENVIRONMENT: environment } = config;
  const lambda = new LambdaClient({ region });
  return {
    dynamo: new DynamoDBClient({ region, maxAttempts: 1 }), // the store repeats by itself
    s3: openS3Client({ region }),
    stepFunctions: openStepFunctionsClient({ region }),
    modal: once(() =>
      openModalClient({ tokenId: secrets("ModalTokenId"), tokenSecret: secrets("ModalTokenSecret"), environment }),
    ),
    async invoke(functionName, event) {
      const Payload = new TextEncoder().encode(JSON.stringify(event));
      await lambda.send(new InvokeCommand({ FunctionName: functionName, InvocationType: "Event", Payload }));
    },
  };
}

type Overrides = Partial<Pick<Cloud, "telemetry" | "web" | "clock">> & {
  gpu?: Partial<Cloud["gpu"]>;
  /** The embedded engine, where a deployment has one. */
  embedded?: () => Engine;
};

/** `service`: the function's name in logs and figures. */
export function openAws(
  config: AwsConfig,
  { clients, secrets, service }: { clients: AwsClients; secrets: Secrets; service: string },
  overrides: Overrides = {},
): Cloud {
  const clock = overrides.clock ?? systemClock;
  const store = dynamoStore({
    client: clients.dynamo,
    table: config.RLAIFV_TABLE,
    clock,
    random: randomFrom(clock.now()),
  });
  const blobs = s3BlobStore({ client: clients.s3, bucket: config.RLAIFV_BUCKET });
  const models = modelSource({
    blobs,
    clock,
    env: { ...process.env, [SERVE_KEY]: config.RLAIFV_SERVE_URL === undefined ? "" : secrets("ServeKey") },
    embedded: overrides.embedded ?? noEmbedded,
    fair: false,
    served: (model) => servedRef(model, config),
  });
  return openCloud({
    dataDir: tmpdir(),
    store,
    blobs,
    clock,
    models,
    orchestrator: stepFunctionsOrchestrator({
      client: clients.stepFunctions,
      machineArn: config.RLAIFV_MACHINE_ARN ?? "",
    }),
    gpu: {
      calls: store.calls,
      provider: lazyProvider(config, clients),
      placement: MODAL_PLACEMENT,
      patience: PATIENCE,
      callbackUrl: config.RLAIFV_CALLBACK_URL ?? "",
      collect: (call) => clients.invoke(config.RLAIFV_COLLECT ?? "", { call }),
      ...overrides.gpu,
    },
    uploads: presignedUploads({ client: clients.s3, bucket: config.RLAIFV_BUCKET, straightBytes: STRAIGHT_BYTES }),
    telemetry: overrides.telemetry ?? powertoolsTelemetry(service),
    web: overrides.web ?? {},
  });
}

/** The function at the edge that signs requests (stacks/api.ts) sees 1 MB of a body; the rest is room for what goes around it. */
const STRAIGHT_BYTES = 900_000;

const SERVE_KEY = "RLAIFV_SERVE_KEY";

/** Chat with a model on Modal goes to the server that is always the same; its batches go elsewhere. */
function servedRef(model: ModelRef, { RLAIFV_SERVE_URL: url }: AwsConfig): ModelRef {
  if (url === undefined) {
    throw new Error(
      `${model.model}: this deployment serves no chat with models on Modal; set RLAIFV_SERVE_URL to the address of functions/gpu/app.py's Serve and deploy again`,
    );
  }
  return { ...model, engine: "openai", baseUrl: `${url.replace(/\/+$/, "")}/v1`, apiKeyEnv: SERVE_KEY };
}

function noEmbedded(): never {
  throw new EngineFailure({
    code: "embedded_not_here",
    message:
      'the engine "embedded" computes on the machine of its service, and this one has none: use engine "modal" or "openai"',
    retryable: false,
  });
}

/** Functions that begin no calls have no token for Modal: nothing is opened until something is asked. */
function lazyProvider(
  { RLAIFV_MODAL_APP = "rlaifv", RLAIFV_MODAL_ENVIRONMENT: environment }: AwsConfig,
  { modal }: AwsClients,
): GpuCalls {
  const provider = once(() => modalGpuCalls({ client: modal(), app: RLAIFV_MODAL_APP, environment }));
  return {
    spawn: (job, place) => provider().spawn(job, place),
    poll: (id) => provider().poll(id),
    cancel: (id) => provider().cancel(id),
    deployed: () => provider().deployed(),
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
