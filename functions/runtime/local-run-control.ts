/** Run control inside a service process: its runs are driven here, and taken up again after a crash. */
import type { RunControl } from "../api/deps.ts";
import { demoConfig } from "./demo.ts";
import { forgetExecution } from "./drive.ts";
import { interrupted } from "./endings.ts";
import { type ControlParts, runControl } from "./run-control.ts";
import { type RunLifeParts, runLife } from "./run-life.ts";
import { runMoney } from "./run-money.ts";
import { runQueue } from "./run-queue.ts";

export type RunControlParts = Omit<RunLifeParts, "money"> &
  Pick<ControlParts, "admission"> &
  Partial<Pick<ControlParts, "servers">> & { maxActiveRuns?: number };

/** Runs that work at once; the others are queued. Our choice for two cores: one waits for a server while one computes. */
const MAX_ACTIVE_RUNS = 2;

export type OpenRunControl = RunControl & {
  /** Takes up what a dead process left queued or running. Call once, as the only process that writes in the folder. */
  start(): Promise<void>;
  /** Stops working; the next `start` goes on. */
  close(): Promise<void>;
};

export function openRunControl(parts: RunControlParts): OpenRunControl {
  const { local, admission, servers = [], maxActiveRuns = MAX_ACTIVE_RUNS } = parts;
  const money = runMoney(local, admission);
  const life = runLife({ ...parts, money });
  const queue = runQueue(maxActiveRuns, life.work);
  const { takeUp, ...control } = runControl({
    world: local,
    admission,
    servers,
    money,
    life,
    work: queue,
    demo: (request) => demoConfig(request, local),
    forget: (runId) => forgetExecution(runId, local),
  });
  return { ...control, start: takeUp, close: () => queue.close(interrupted()) };
}
