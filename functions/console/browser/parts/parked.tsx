import { count, spaced } from "../../../report/format.ts";
import { parkedOf, retryOn } from "../../model/actions.ts";
import { hrefOf } from "../../model/route.ts";
import { type RunDetail, runs } from "../service.ts";
import { ActionButton } from "./action-button.tsx";
import { type Outcome, refused } from "./run-actions.tsx";

/** Samples that could not go on, by reason; shown only where there are some. */
export function ParkedSamples({ run, onChange, onRefusal }: { run: RunDetail } & Outcome) {
  const reasons = Object.entries(parkedOf(run)).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return null;
  return (
    <section>
      <h2>Parked samples</h2>
      <p class="note">They could not go on, and nothing of them is lost. The rest of the run goes on without them.</p>
      <div class="card scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">reason</th>
              <th scope="col">samples</th>
            </tr>
          </thead>
          <tbody>
            {reasons.map(([reason, amount]) => (
              <tr key={reason}>
                <th scope="row">{spaced(reason)}</th>
                <td>{count(amount)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="buttons">
        <ActionButton
          label="Try them again"
          possible={retryOn(run)}
          act={() => runs.act(run.id, "retry-parked").then(onChange, refused(onRefusal))}
        />
        <a class="button" href={hrefOf(["runs", run.id, "samples"], { state: "parked" })}>
          Look at them
        </a>
      </div>
    </section>
  );
}
