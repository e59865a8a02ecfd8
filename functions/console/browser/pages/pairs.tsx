import type { Pair } from "../../../../shared/schemas/pair.ts";
import { count } from "../../../report/format.ts";
import { pairClaims, type ShownClaim } from "../../model/claims.ts";
import { hrefOf } from "../../model/route.ts";
import { useResource } from "../hooks.ts";
import { AnswerText, ClaimLegend } from "../parts/answer.tsx";
import { Choice } from "../parts/choice.tsx";
import { DatasetLinks } from "../parts/dataset-exports.tsx";
import { Pager } from "../parts/pager.tsx";
import { Picture } from "../parts/picture.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { RunTabs } from "../parts/run-tabs.tsx";
import { runs } from "../service.ts";

const PER_PAGE = 10;
type Props = { runId: string; query: Record<string, string> };

export function PairsPage({ runId, query }: Props) {
  const run = useResource(`run ${runId}`, (signal) => runs.get(runId, signal));
  const { round, cursor } = query;
  const { value, error } = useResource(`pairs ${runId} ${round} ${cursor}`, (signal) =>
    runs.pairs(runId, { round, cursor, limit: PER_PAGE }, signal),
  );
  const rounds = Array.from({ length: run.value?.round ?? 0 }, (_, index) => String(index + 1));
  const go = (part: Record<string, string | undefined>) => {
    location.hash = hrefOf(["runs", runId, "pairs"], { round, ...part });
  };
  return (
    <>
      <p class="kicker">
        <a href={hrefOf([])}>Runs</a>
        <a href={hrefOf(["runs", runId])}>{runId}</a>
      </p>
      <h1>Pairs</h1>
      <RunTabs runId={runId} at="pairs" />
      <div class="filters">
        <Choice
          label="Round"
          value={round}
          all="newest"
          options={rounds.map((number) => ({ value: number, name: `round ${number}` }))}
          choose={(value) => go({ round: value })}
        />
        {value !== undefined && (
          <>
            <p class="amount">
              <b class="number">{count(value.total)}</b> pairs in round {value.round}
            </p>
            {value.total > 0 && <DatasetLinks runId={runId} round={value.round} />}
          </>
        )}
      </div>
      <ProblemNote error={error} />
      <ClaimLegend sides />
      {value?.items.map((pair) => (
        <PairCard key={pair.pairId} runId={runId} pair={pair} />
      ))}
      {value?.items.length === 0 && <p class="card fine">There are no pairs yet.</p>}
      {value !== undefined && (
        <Pager cursor={cursor} next={value.next_cursor} go={(next) => go({ cursor: next })} what="pairs" />
      )}
    </>
  );
}

function PairCard({ runId, pair }: { runId: string; pair: Pair }) {
  const { image, question, sampleId, round, chosen, rejected } = pair;
  const claims = pairClaims(chosen, rejected);
  return (
    <article class="card pair">
      <div class="pair-head">
        <Picture sha256={image.sha256} alt="The picture asked about" width={112} height={112} />
        <div>
          <h2>{question}</h2>
          <a class="fine" href={hrefOf(["runs", runId, "samples", sampleId], { pass: `${round}.train` })}>
            all answers to it
          </a>
        </div>
      </div>
      <Side name="chosen" text={chosen.text} score={chosen.score} claims={claims.chosen} />
      <Side name="rejected" text={rejected.text} score={rejected.score} claims={claims.rejected} />
    </article>
  );
}

type SideProps = { name: "chosen" | "rejected"; text: string; score: number; claims: ShownClaim[] };

function Side({ name, text, score, claims }: SideProps) {
  return (
    <div class={`answer side ${name}`}>
      <h3>
        <span class={`role ${name}`}>{name}</span>
        <span class="fine">{-score === 0 ? "no claim rejected" : `${-score} of ${claims.length} claims rejected`}</span>
      </h3>
      <AnswerText text={text} claims={claims} />
    </div>
  );
}
