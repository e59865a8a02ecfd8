/** Shows a run's progress while it works: redrawn in place on a terminal, plain lines elsewhere. */
import { createLogUpdate } from "log-update";
import { type ProgressState, progressAfter, type RunSizes, startProgress } from "../../shared/progress.ts";
import type { EventSink, RunEvent } from "../../shared/schemas/events.ts";
import { progressBlock, progressLine } from "./progress-view.ts";

const REDRAW_MS = 100; // fast enough to look alive, slow enough to cost nothing

export type Progress = { emit: EventSink; stop(): void };

/** `write` without a terminal gets a line per noteworthy event. */
export function showProgress(runId: string, sizes: RunSizes, stream: NodeJS.WriteStream): Progress {
  let state: ProgressState = startProgress(runId, sizes, Date.now());
  const take = (event: RunEvent) => {
    state = progressAfter(state, event, Date.now());
  };
  if (!stream.isTTY) {
    return {
      emit(event) {
        take(event);
        const line = progressLine(state, event, Date.now());
        if (line !== undefined) stream.write(`${line}\n`);
      },
      stop() {},
    };
  }
  const draw = createLogUpdate(stream, { showCursor: false });
  const timer = setInterval(() => draw(progressBlock(state, Date.now())), REDRAW_MS);
  return {
    emit: take,
    stop() {
      clearInterval(timer);
      draw(progressBlock(state, Date.now()));
      draw.done();
    },
  };
}
