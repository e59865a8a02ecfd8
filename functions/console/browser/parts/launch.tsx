import { useState } from "preact/hooks";
import type { Filled } from "../../model/new-run.ts";
import { hrefOf } from "../../model/route.ts";
import { asServiceError, type Estimate, runs, type ServiceError } from "../service.ts";
import { EstimateView } from "./estimate.tsx";
import { ProblemNote } from "./problem.tsx";

type Props = {
  filled: Filled;
  label: string;
  /** Starting is offered once the estimate of exactly this is there. */
  estimateFirst: boolean;
};

/** Estimate, then start. */
export function Launch({ filled, label, estimateFirst }: Props) {
  const { known, error, busy, estimate, start } = useLaunch(filled);
  const wrong = filled.outcome === "wrong";
  const next = estimateFirst && known === undefined ? "estimate" : "start";
  return (
    <div class="stack">
      {wrong && (
        <p class="fine" role="status">
          {filled.why}
        </p>
      )}
      <ProblemNote error={error} />
      {known !== undefined && <EstimateView estimate={known} />}
      <div class="buttons">
        <button
          type="button"
          class={next === "estimate" ? "primary" : ""}
          disabled={wrong || busy !== null}
          onClick={estimate}
        >
          {busy === "estimate" ? "Trying 20 samples …" : "Estimate first"}
        </button>
        <button
          type="button"
          class={next === "start" ? "primary" : ""}
          disabled={wrong || busy !== null || next === "estimate"}
          title={next === "estimate" ? "After the estimate" : undefined}
          onClick={start}
        >
          {busy === "start" ? "Starting …" : label}
        </button>
      </div>
    </div>
  );
}

/** An estimate belongs to what it was made for: after a change of the form it is gone. */
function useLaunch(filled: Filled) {
  const [made, setMade] = useState<{ of: string; value: Estimate }>();
  const [error, setError] = useState<ServiceError>();
  const [busy, setBusy] = useState<"estimate" | "start" | null>(null);
  const body = JSON.stringify(filled);
  const work = async (what: "estimate" | "start", act: () => Promise<void>) => {
    setBusy(what);
    setError(undefined);
    await act().catch((cause) => setError(asServiceError(cause)));
    setBusy(null);
  };
  const estimate = () =>
    work("estimate", async () => {
      if (filled.outcome === "ready") setMade({ of: body, value: await runs.estimate(filled.body) });
    });
  const start = () =>
    work("start", async () => {
      if (filled.outcome !== "ready") return;
      const { id } = await runs.create(filled.body);
      location.hash = hrefOf(["runs", id]);
    });
  return { known: made?.of === body ? made.value : undefined, error, busy, estimate, start };
}
