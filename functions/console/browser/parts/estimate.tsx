import { count, decimal, dollars, duration } from "../../../report/format.ts";
import type { Estimate } from "../service.ts";
import { BadRows } from "./run-facts.tsx";

type Extrapolated = Estimate["usd"];

const LINES: readonly { name: string; of: (estimate: Estimate) => Extrapolated; text: (value: number) => string }[] = [
  { name: "Cost", of: ({ usd }) => usd, text: dollars },
  { name: "Time", of: ({ seconds }) => seconds, text: duration },
  { name: "Pairs", of: ({ pairs }) => pairs, text: (value) => count(Math.round(value)) },
  { name: "Pairs a sample", of: ({ yield: share }) => share, text: (value) => decimal(value, 2) },
];

/** What the whole run will take, from a pilot whose replies are kept. */
export function EstimateView({ estimate }: { estimate: Estimate }) {
  const { pilot, samples, not_included, warnings, bad_rows } = estimate;
  return (
    <div class="estimate" role="status">
      <table>
        <caption>
          From a pilot of {count(pilot.samples)} of {count(samples)} samples ({duration(pilot.seconds)},{" "}
          {dollars(pilot.usd)}); its replies are kept
        </caption>
        <thead>
          <tr>
            <th scope="col">the whole run</th>
            <th scope="col">about</th>
            <th scope="col">95 % interval</th>
          </tr>
        </thead>
        <tbody>
          {LINES.map(({ name, of, text }) => {
            const { value, ci } = of(estimate);
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{text(value)}</td>
                <td>{ci === null ? "not known" : `${text(ci[0])} – ${text(ci[1])}`}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {not_included.length > 0 && <p class="fine">Not included: {not_included.join(", ")}.</p>}
      {warnings.map((text) => (
        <p key={text} class="warning">
          <b>Note.</b> {text}
        </p>
      ))}
      {bad_rows.count > 0 && <BadRows bad={bad_rows} />}
    </div>
  );
}
