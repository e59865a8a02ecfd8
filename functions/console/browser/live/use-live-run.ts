import { useEffect, useRef, useState } from "preact/hooks";
import type { Report } from "../../../../shared/schemas/report.ts";
import { type LiveRun, liveAfter, type Numbered, startLive, withSnapshot } from "../../model/live-run.ts";
import { asServiceError, type Connection, type RunDetail, runs, type ServiceError } from "../service.ts";
import { perFrame } from "./frames.ts";

/** Figures are asked for again at most this often while events say that they changed. */
const REFRESH_MS = 1500;
/** Counts per state and money are asked for at least this often while a run works. */
const STEADY_MS = 5000;

export type Watched = {
  live: LiveRun | undefined;
  report: Report | undefined;
  error: ServiceError | undefined;
  connection: Connection;
  /** The answer of an action is a newer snapshot. */
  replace: (run: RunDetail) => void;
};

/** One run, kept up to date by its events; the report comes when there is something to report. */
export function useLiveRun(runId: string): Watched {
  const [live, setLive] = useState<LiveRun>();
  const [report, setReport] = useState<Report>();
  const [error, setError] = useState<ServiceError>();
  const [connection, setConnection] = useState<Connection>("open");
  const replace = (run: RunDetail) =>
    setLive((old) => (old === undefined ? startLive(run, Date.now()) : withSnapshot(old, run, Date.now())));

  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    const frames = perFrame<Numbered>((events) =>
      setLive((old) => (old === undefined ? old : liveAfter(old, events, Date.now()))),
    );
    const follow = async () => {
      const run = await runs.get(runId, signal);
      setLive(startLive(run, Date.now()));
      if (run.state === "finished") return; // nothing comes after it
      const events = runs.events(runId, { after: run.last_event, signal, onConnection: setConnection });
      for await (const told of events) {
        frames.add(told);
        if (told.event.kind === "run" && told.event.state === "finished") return;
      }
    };
    follow().catch((cause) => {
      if (!signal.aborted) setError(asServiceError(cause));
    });
    return () => {
      abort.abort();
      frames.stop();
      setLive(undefined);
      setReport(undefined);
      setError(undefined);
    };
  }, [runId]);

  useReport(runId, live, { setReport, replace });
  return { live, report, error, connection, replace };
}

type Refreshed = { setReport: (report: Report) => void; replace: (run: RunDetail) => void };

/** Asks again for what events do not tell: at once when the page opens, then as often as there is news, never in a crowd. */
function useReport(runId: string, live: LiveRun | undefined, { setReport, replace }: Refreshed): void {
  const news = live?.news;
  const working = live?.run.state === "running";
  const asked = useRef(0);
  useEffect(() => {
    if (news === undefined) return;
    const abort = new AbortController();
    const refresh = async () => {
      asked.current = Date.now();
      const [run, report] = await Promise.allSettled([runs.get(runId, abort.signal), runs.report(runId, abort.signal)]);
      if (abort.signal.aborted) return;
      if (run.status === "fulfilled" && news > 0) replace(run.value);
      if (report.status === "fulfilled") setReport(report.value);
    };
    const timer = setTimeout(refresh, Math.max(0, asked.current + REFRESH_MS - Date.now()));
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [runId, news]);
  useEffect(() => {
    if (!working) return;
    const abort = new AbortController();
    const timer = setInterval(() => {
      if (!document.hidden) runs.get(runId, abort.signal).then(replace, () => {});
    }, STEADY_MS);
    return () => {
      clearInterval(timer);
      abort.abort();
    };
  }, [runId, working]);
}
