import { useState } from "preact/hooks";
import { asServiceError, type RunDetail, runs, type ServiceError } from "../service.ts";
import { moneyText } from "./meter.tsx";
import { ProblemNote } from "./problem.tsx";

type Props = { run: RunDetail; onChange: (run: RunDetail) => void; onClose: () => void };

/** A run that had paused for want of money goes on at once. */
export function BudgetForm({ run, onChange, onClose }: Props) {
  const [usd, setUsd] = useState(String(2 * run.budget.usd));
  const [error, setError] = useState<ServiceError>();
  const submit = (event: Event) => {
    event.preventDefault();
    runs.setBudget(run.id, Number(usd)).then(
      (changed) => {
        onChange(changed);
        onClose();
      },
      (cause) => setError(asServiceError(cause)),
    );
  };
  return (
    <form class="stack" onSubmit={submit}>
      <p>
        Spent: {moneyText(run.budget)}. {run.state === "paused" && "The run goes on with the new budget."}
      </p>
      <ProblemNote error={error} />
      <label>
        Budget in US dollars
        <input
          type="number"
          name="budget"
          min="0"
          step="any"
          required
          value={usd}
          onInput={(event) => setUsd(event.currentTarget.value)}
        />
      </label>
      <div class="buttons">
        <button type="submit" class="primary">
          Set the budget
        </button>
        <button type="button" onClick={onClose}>
          Leave it
        </button>
      </div>
    </form>
  );
}
