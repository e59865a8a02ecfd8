import { useState } from "preact/hooks";
import type { ExportFormat } from "../../../../shared/schemas/lineage.ts";
import type { Report } from "../../../../shared/schemas/report.ts";
import { count } from "../../../report/format.ts";
import { asServiceError, download, type RunDetail, runs, type ServiceError, storedKey } from "../service.ts";
import { ProblemNote } from "./problem.tsx";

const FORMATS: readonly { format: ExportFormat; meaning: string }[] = [
  { format: "parquet", meaning: "RLAIF-V’s columns with the images inside" },
  { format: "trl", meaning: "parquet for TRL’s DPO trainer" },
  { format: "jsonl", meaning: "everything known of each pair" },
  { format: "rlaifv", meaning: "RLAIF-V’s own files" },
];

type Props = { run: RunDetail; report: Report | undefined; pairs: ReadonlyMap<number, number> };

/** Every round's pairs, in every format. */
export function DatasetExports({ run, report, pairs }: Props) {
  const told = new Map(report?.rounds.map((round) => [round.round, round.pairs] as const));
  const made = [...new Map([...told, ...pairs])].filter(([, amount]) => amount > 0).sort(([a], [b]) => a - b);
  if (made.length === 0) return null;
  return (
    <section>
      <h2>Datasets</h2>
      <p class="note">Each is a zip with a dataset card, the lineage and the images.</p>
      <div class="card scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">round</th>
              <th scope="col">pairs</th>
              <th scope="col" class="text">
                download
              </th>
            </tr>
          </thead>
          <tbody>
            {made.map(([round, amount]) => (
              <tr key={round}>
                <th scope="row">round {round}</th>
                <td>{count(amount)}</td>
                <td class="text">
                  <DatasetLinks runId={run.id} round={round} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** One link a format. Where a key is needed, the bytes are fetched with it. */
export function DatasetLinks({ runId, round }: { runId: string; round: number }) {
  const [error, setError] = useState<ServiceError>();
  const fetchIt = async (event: Event, format: ExportFormat) => {
    if (storedKey() === null) return; // a link is enough
    event.preventDefault();
    const name = `${runId}-round-${round}-${format}.zip`;
    await download(runs.datasetAddress(runId, round, format), name).catch((cause) => setError(asServiceError(cause)));
  };
  return (
    <span class="downloads">
      {FORMATS.map(({ format, meaning }) => (
        <a
          key={format}
          class="button small"
          href={runs.datasetAddress(runId, round, format)}
          download={`${runId}-round-${round}-${format}.zip`}
          title={meaning}
          aria-label={`Round ${round} as ${format}: ${meaning}`}
          onClick={(event) => fetchIt(event, format)}
        >
          {format}
        </a>
      ))}
      <ProblemNote error={error} />
    </span>
  );
}
