import type { SampleState } from "../../../../shared/schemas/rows.ts";
import type { Verdict } from "../../../../shared/schemas/sample.ts";
import { spaced } from "../../../report/format.ts";
import { countsText } from "../../model/claims.ts";
import { passesOf, passName } from "../../model/passes.ts";
import { hrefOf } from "../../model/route.ts";
import { useResource } from "../hooks.ts";
import { Choice } from "../parts/choice.tsx";
import { Pager } from "../parts/pager.tsx";
import { Picture } from "../parts/picture.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { RunTabs } from "../parts/run-tabs.tsx";
import { runs, type SampleItem } from "../service.ts";

const STATES = [
  "submitted",
  "generated",
  "divided",
  "questioned",
  "scored",
  "paired",
  "unpaired",
  "parked",
] as const satisfies readonly SampleState[];
const VERDICTS = ["accepted", "rejected", "abstained"] as const satisfies readonly Verdict[];
const PER_PAGE = 30;

type Props = { runId: string; query: Record<string, string> };

export function SamplesPage({ runId, query }: Props) {
  const run = useResource(`run ${runId}`, (signal) => runs.get(runId, signal));
  const { pass, state, verdict, cursor } = query;
  const asked = { pass, state, verdict, cursor, limit: PER_PAGE };
  const { value, error } = useResource(`samples ${runId} ${JSON.stringify(asked)}`, (signal) =>
    runs.samples(runId, asked, signal),
  );
  const go = (part: Record<string, string | undefined>) => {
    location.hash = hrefOf(["runs", runId, "samples"], { pass, state, verdict, ...part });
  };
  return (
    <>
      <p class="kicker">
        <a href={hrefOf([])}>Runs</a>
        <a href={hrefOf(["runs", runId])}>{runId}</a>
      </p>
      <h1>Samples</h1>
      <RunTabs runId={runId} at="samples" />
      <fieldset class="filters">
        <legend class="hidden">Filter</legend>
        <Choice
          label="Pass"
          value={pass}
          all="newest training"
          options={passesOf(run.value).map((id) => ({ value: id, name: passName(id) }))}
          choose={(value) => go({ pass: value })}
        />
        <Choice
          label="State"
          value={state}
          all="any"
          options={named(STATES)}
          choose={(value) => go({ state: value })}
        />
        <Choice
          label="With a claim"
          value={verdict}
          all="any"
          options={named(VERDICTS)}
          choose={(value) => go({ verdict: value })}
        />
      </fieldset>
      <ProblemNote error={error} />
      {value !== undefined && <SampleTable runId={runId} items={value.items} pass={pass} />}
      {value !== undefined && (
        <Pager cursor={cursor} next={value.next_cursor} go={(next) => go({ cursor: next })} what="samples" />
      )}
    </>
  );
}

const named = (values: readonly string[]) => values.map((value) => ({ value, name: value }));

type TableProps = { runId: string; items: SampleItem[]; pass: string | undefined };

function SampleTable({ runId, items, pass }: TableProps) {
  if (items.length === 0) return <p class="card fine">No sample on this page is like that.</p>;
  return (
    <div class="card scroll">
      <table class="list samples">
        <thead>
          <tr>
            <th scope="col">image</th>
            <th scope="col" class="text">
              question
            </th>
            <th scope="col" class="text">
              state
            </th>
            <th scope="col">answers</th>
            <th scope="col" class="text">
              claims
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={item.id}>
              <td class="thumb">
                <Picture sha256={item.image.sha256} alt="" width={64} height={64} size="thumbnail" />
              </td>
              <th scope="row" class="text">
                <a href={hrefOf(["runs", runId, "samples", item.id], { pass: pass ?? item.pass_id })}>
                  {item.question}
                </a>
                <span class="fine">{item.id}</span>
              </th>
              <td class="text" data-label="state">
                {item.state}
                {item.reason !== null && <span class="fine">{spaced(item.reason)}</span>}
              </td>
              <td data-label="answers">{item.candidates}</td>
              <td class="text" data-label="claims">
                {countsText(item.claims)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
