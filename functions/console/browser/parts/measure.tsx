import { useState } from "preact/hooks";
import type { BenchName } from "../../../../shared/schemas/evaluation.ts";
import type { Report } from "../../../../shared/schemas/report.ts";
import { MEASURES, measurableRounds, measureBody, needsJudge } from "../../model/evaluation.ts";
import { hrefOf } from "../../model/route.ts";
import { asServiceError, evaluations, type RunDetail, type ServiceError } from "../service.ts";
import { ActionButton } from "./action-button.tsx";
import { ProblemNote } from "./problem.tsx";

type Props = { run: RunDetail; report: Report | undefined };

/** Begins an evaluation of what a round of this run promoted. */
export function Measure({ run, report }: Props) {
  const rounds = measurableRounds(report);
  const [chosen, setRound] = useState<number>();
  const [bench, setBench] = useState<BenchName>(run.config.evaluate?.bench ?? "scenes");
  const [judge, setJudge] = useState("");
  const [budgetUsd, setBudget] = useState(1);
  const [error, setError] = useState<ServiceError>();
  const round = chosen ?? rounds.at(-1)!;
  const begin = async () => {
    setError(undefined);
    try {
      const { id } = await evaluations.create(measureBody(run.id, { bench, round, judge, budgetUsd }));
      location.hash = hrefOf(["evals", id]);
    } catch (cause) {
      setError(asServiceError(cause));
    }
  };
  const wanting = needsJudge(bench) && judge.trim() === "";
  return (
    <section>
      <h2>Measure</h2>
      <p class="note">
        On the run's own benchmark its stored answers are scored; on another one the model is asked, within the budget.
      </p>
      <fieldset class="filters">
        <legend class="hidden">What is measured</legend>
        <label>
          Round
          <select name="measure-round" value={round} onChange={(event) => setRound(Number(event.currentTarget.value))}>
            {rounds.map((one) => (
              <option key={one} value={one}>
                {one === 0 ? "0, the base model" : one}
              </option>
            ))}
          </select>
        </label>
        <label>
          Benchmark
          <select
            name="measure-bench"
            value={bench}
            onChange={(event) => setBench(event.currentTarget.value as BenchName)}
          >
            {MEASURES.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {needsJudge(bench) && (
          <label>
            Judge
            <input
              value={judge}
              placeholder="a model of the configs"
              onInput={(e) => setJudge(e.currentTarget.value)}
            />
          </label>
        )}
        <label>
          Budget, USD
          <input
            type="number"
            min="0.01"
            step="any"
            value={budgetUsd}
            onInput={(event) => setBudget(event.currentTarget.valueAsNumber)}
          />
        </label>
      </fieldset>
      <ProblemNote error={error} />
      <ActionButton
        label="Measure"
        possible={wanting ? { possible: false, why: `${bench} needs a judge: name one.` } : { possible: true }}
        act={begin}
      />
    </section>
  );
}
