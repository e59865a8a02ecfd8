import type { Report } from "../../../../shared/schemas/report.ts";
import { type FunnelCell, funnelRows } from "../../model/funnel.ts";
import type { LiveRun } from "../../model/live-run.ts";
import { Bar } from "./meter.tsx";

const MEANING: Record<string, string> = {
  generate: "answers are sampled from the policy",
  divide: "answers become claims",
  question: "claims become yes/no questions",
  score: "labelers answer them",
  pair: "better answers against worse ones",
  train: "DPO on the pairs",
  evaluate: "checkpoints are compared and measured on held-out samples",
};

/** The way of the samples, one row a round. A row has its place from the beginning: nothing jumps as it fills. */
export function FunnelTable({ live, report }: { live: LiveRun; report: Report | undefined }) {
  const rows = funnelRows(live, report);
  if (rows.length === 0) return <p class="card fine">Nothing has begun yet.</p>;
  return (
    <div class="card scroll">
      <table class="funnel">
        <thead>
          <tr>
            <th scope="col">round</th>
            {rows.at(-1)!.cells.map(({ name }) => (
              <th key={name} scope="col" class="text" title={MEANING[name]}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ title, cells }) => (
            <tr key={title}>
              <th scope="row">{title}</th>
              {cells.map((cell) => (
                <Cell key={cell.name} cell={cell} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ cell }: { cell: FunnelCell }) {
  const { name, share, text, parked, running } = cell;
  if (share === null)
    return (
      <td class="text stage" data-label={name}>
        <span class="fine">–</span>
      </td>
    );
  return (
    <td class={`text stage ${running ? "running" : ""}`} data-label={name}>
      <span class="number">{text}</span>
      <Bar label={`${name}: ${Math.round(100 * share)} %`} parts={[{ share, tone: running ? "live" : "full" }]} />
      {parked > 0 && <span class="fine bad">{parked} parked</span>}
    </td>
  );
}
