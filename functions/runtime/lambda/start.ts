/** What every function of the deployment opens at its start: once for a container, from its environment and its links. */
import { Resource } from "sst";
import { awsClients, openAws } from "../aws.ts";
import { type AwsConfig, readAwsConfig, type SecretName } from "../aws-config.ts";
import type { Cloud } from "../cloud/cloud.ts";

export type Started = { cloud: Cloud; config: AwsConfig; secret: (name: SecretName) => string };

let started: Started | undefined;

/** @param service the function's name in logs and figures */
export function start(service: string): Started {
  if (started === undefined) {
    const config = readAwsConfig(process.env);
    const clients = awsClients(config, secret);
    started = { cloud: openAws(config, { clients, secrets: secret, service }), config, secret };
  }
  return started;
}

/** Links are encrypted into the function; `Resource` opens those that are this function's and throws for others. */
function secret(name: SecretName): string {
  const linked = (Resource as unknown as Record<string, { value?: string } | undefined>)[name];
  if (!linked?.value)
    throw new Error(`the secret ${name} is empty: run "npx sst secret set ${name} …" and deploy again`);
  return linked.value;
}
