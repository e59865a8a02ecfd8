import { decimal } from "../../../report/format.ts";
import { type ChatAnswer, costText, isOpen, trustText } from "../../model/chat.ts";
import { claimOfView } from "../../model/claims.ts";
import { AnswerText } from "../parts/answer.tsx";
import { QuestionTable } from "../parts/question-table.tsx";

const WORD: Record<ChatAnswer["state"], string> = {
  waiting: "waiting …",
  streaming: "writing …",
  done: "",
  stopped: "stopped",
  failed: "failed",
};

export function ChatAnswerCard({ answer }: { answer: ChatAnswer }) {
  const { model, state, text, finish, trust, error } = answer;
  const claims = trust?.claims?.map(claimOfView) ?? [];
  return (
    <section class={`card answer ${state}`} data-state={state} aria-label={`Answer of ${model}`}>
      <h3>
        <span>{model}</span>
        <span class="fine">{finish === "length" ? "cut at the limit" : WORD[state]}</span>
      </h3>
      {text === "" && isOpen(answer) ? <p class="text fine">…</p> : <AnswerText text={text} claims={claims} />}
      {error !== null && (
        <p class="warning" role="alert">
          <b>{error}</b>
        </p>
      )}
      {trust !== null && <p class="trust">{trustText(trust)}</p>}
      {claims.length > 0 && <QuestionTable claims={claims} />}
      {!isOpen(answer) && <p class="fine cost">{costText(answer)}</p>}
      {answer.headers.length > 0 && !isOpen(answer) && <Left headers={answer.headers} />}
    </section>
  );
}

function Left({ headers }: Pick<ChatAnswer, "headers">) {
  const value = (name: string) => headers.find(([one]) => one === name)?.[1];
  const usd = value("x-budget-remaining-usd");
  const requests = value("x-ratelimit-remaining-requests");
  return (
    <p class="fine cost">
      left:{" "}
      {[usd && `$${decimal(Number(usd), 4)} today`, requests && `${requests} requests this minute`]
        .filter(Boolean)
        .join(", ")}
    </p>
  );
}
