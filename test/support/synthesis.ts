/** What `npm run synth` wrote, with the questions that tests put to it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Synthesis } from "../../scripts/synth.ts";

export type { Synthesis };

export const ROOT = resolve(import.meta.dirname, "../..");
const FILE = join(ROOT, ".sst/synth.json");
export const ACCOUNT = "111111111111";

export function synthesis(): Synthesis {
  if (!existsSync(FILE)) {
    throw new Error(`${FILE} is not there: run "npm run sst:types" once, then "npm run synth"`);
  }
  return JSON.parse(readFileSync(FILE, "utf8")) as Synthesis;
}

type Inputs = Record<string, unknown>;

/** All resources of a kind, e.g. `lambda/function`, by their names in the stack. */
export function ofKind({ resources }: Synthesis, kind: string): Map<string, Inputs> {
  const found = resources.filter(({ type }) => type.startsWith(`aws:${kind}:`));
  return new Map(found.map(({ name, inputs }) => [name, inputs]));
}

/** The only resource of a kind. */
export function only(made: Synthesis, kind: string): Inputs {
  const [inputs, ...others] = ofKind(made, kind).values();
  if (inputs === undefined || others.length > 0)
    throw new Error(`${kind}: ${others.length + (inputs ? 1 : 0)}, not one`);
  return inputs;
}

export type Statement = {
  Effect: string;
  Action: string[];
  Resource: string[];
  Principal?: Record<string, string[]>;
  Condition?: Record<string, Record<string, string[]>>;
};

export function statementsOf(policy: unknown): Statement[] {
  return (JSON.parse(String(policy)) as { Statement: Statement[] }).Statement;
}

/** The statements of every role, by the role's name in the stack. */
export function rights(made: Synthesis): Map<string, Statement[]> {
  const roles = [...ofKind(made, "iam/role")].map(([name, { inlinePolicies }]) => {
    const policies = (inlinePolicies ?? []) as { policy: string }[];
    return [name, policies.flatMap(({ policy }) => statementsOf(policy))] as const;
  });
  const attached = [...ofKind(made, "iam/rolePolicy")].map(
    ([name, { policy }]) => [name, statementsOf(policy)] as const,
  );
  return new Map([...roles, ...attached]);
}

/** Runs the synthesis apart; `configuration` replaces sst.config.ts. */
export function synthesise(
  ...[stage, output, configuration]: [stage: string, output: string, configuration?: string]
): { status: number | null; stderr: string } {
  const more = configuration === undefined ? [] : [configuration];
  const { status, stderr } = spawnSync(process.execPath, ["scripts/synth.ts", stage, output, ...more], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, AWS_EC2_METADATA_DISABLED: "true" },
  });
  return { status, stderr };
}
