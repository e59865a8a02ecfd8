import type { RunState } from "../../../../shared/schemas/rows.ts";

const SIGN: Record<RunState, string> = {
  queued: "◌",
  running: "●",
  paused: "Ⅱ",
  stopped: "■",
  finished: "✓",
  failed: "✗",
};

/** A state in word, sign and colour. */
export function StateBadge({ state }: { state: RunState }) {
  return (
    <span class={`badge ${state}`}>
      <span aria-hidden="true">{SIGN[state]}</span> {state}
    </span>
  );
}
