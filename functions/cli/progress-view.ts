/** Draws a run's progress as text: a block that is redrawn on a terminal, single lines elsewhere. Pure. */
import pc from "picocolors";
import { parsePassId } from "../../shared/passes.ts";
import { type ProgressState, type StageProgress, secondsLeft, stageLines } from "../../shared/progress.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";

const BAR_WIDTH = 24;

export function progressBlock(state: ProgressState, nowMs: number): string {
  const lines = [headline(state, nowMs)];
  for (const { stage, progress } of stageLines(state)) lines.push(`  ${stage.padEnd(9)} ${stageText(progress, nowMs)}`);
  lines.push(`  ${"train".padEnd(9)} ${trainText(state)}`);
  if (state.hallucination.length > 0) lines.push(`  ${pc.dim("answers with a hallucination")}  ${trail(state)}`);
  return lines.join("\n");
}

/** One line for a log, for events worth a line; undefined for the rest. */
export function progressLine(state: ProgressState, event: RunEvent, nowMs: number): string | undefined {
  const prefix = `[${clock(nowMs - state.startedMs)}]`;
  switch (event.kind) {
    case "stage":
      return event.samples === 0
        ? undefined
        : `${prefix} ${passText(event.passId)}: ${event.stage} ${event.samples} samples`;
    case "paired":
      return `${prefix} round ${event.round}: ${event.pairs} pairs from ${event.samples} samples`;
    case "training":
      return event.step.step === event.step.steps ? `${prefix} ${trainText(state)}` : undefined;
    case "metrics":
      return `${prefix} ${passText(event.passId)}: answers with a hallucination ${percent(event.metrics.response_hallucination.value)}, ${leftText(state, nowMs)}, ${money(state)}`;
    case "promoted":
      return `${prefix} round ${event.round}: promoted ${event.checkpoint}`;
    case "gate":
      return `${prefix} round ${event.round}: ${event.reason}`;
    case "run":
      return `${prefix} run ${event.runId} ${event.state}${event.reason === undefined ? "" : `: ${event.reason}`}`;
    default:
      return undefined;
  }
}

function headline(state: ProgressState, nowMs: number): string {
  const where = state.passId === undefined ? "starting" : passText(state.passId, state.rounds);
  const elapsed = `${clock(nowMs - state.startedMs)} elapsed`;
  return `${pc.bold(state.runId)}  ${[where, elapsed, leftText(state, nowMs), money(state)].join(pc.dim(" · "))}`;
}

function stageText(progress: StageProgress | undefined, nowMs: number): string {
  if (progress === undefined) return pc.dim(`${"░".repeat(BAR_WIDTH)}`);
  const finished = progress.done + progress.parked;
  const filled = progress.samples === 0 ? BAR_WIDTH : Math.round((finished / progress.samples) * BAR_WIDTH);
  const bar = pc.green("█".repeat(filled)) + pc.dim("░".repeat(BAR_WIDTH - filled));
  const seconds = ((progress.endedMs ?? nowMs) - progress.startedMs) / 1000;
  const rate =
    seconds > 0 && finished > 0 ? `${(finished / seconds).toFixed(finished / seconds < 10 ? 1 : 0)} samples/s` : "";
  const extra = [
    rate,
    progress.endedMs === undefined && progress.replies > 0 ? `${progress.replies} replies` : "",
    progress.cached > 0 ? `${progress.cached} from cache` : "",
    progress.parked > 0 ? pc.yellow(`${progress.parked} parked`) : "",
  ].filter((text) => text !== "");
  return `${bar} ${`${finished}/${progress.samples}`.padStart(11)}  ${pc.dim(extra.join(", "))}`;
}

function trainText(state: ProgressState): string {
  const pairs = state.pairs.at(-1);
  const made = pairs === undefined ? "" : `${pairs} pairs`;
  if (state.training === undefined) return pc.dim(made);
  const { step, steps, loss, accuracy } = state.training;
  return `${made}, step ${step}/${steps}, loss ${loss.toFixed(3)}, reward accuracy ${percent(accuracy)}`;
}

function trail(state: ProgressState): string {
  return state.hallucination.map(({ label, value }) => `${label} ${pc.bold(percent(value))}`).join(pc.dim(" → "));
}

function passText(passId: Parameters<typeof parsePassId>[0], rounds?: number): string {
  const { round, purpose, step } = parsePassId(passId);
  const of = rounds === undefined ? "" : ` of ${rounds}`;
  const what = {
    train: "making pairs",
    select: `comparing checkpoint ${step}`,
    evaluate: "evaluating",
    greedy: "evaluating (greedy)",
    control: "control: imitation only",
  }[purpose];
  return round === 0 ? `base model, ${what}` : `round ${round}${of}, ${what}`;
}

function leftText(state: ProgressState, nowMs: number): string {
  const left = secondsLeft(state, nowMs);
  return left === undefined ? "time left unknown" : `about ${clock(left * 1000)} left`;
}

const money = (state: ProgressState): string =>
  `$${(state.money.settledMicros / 1e6).toFixed(4)} of $${(state.money.budgetMicros / 1e6).toFixed(2)}`;

const percent = (share: number | null): string => (share === null ? "n/a" : `${(share * 100).toFixed(1)} %`);

function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${hours}:` : ""}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
