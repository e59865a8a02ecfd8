import { useEffect, useRef, useState } from "preact/hooks";
import { type ChatAnswer, type ChatRequest, isOpen } from "../../model/chat.ts";
import { ChatAnswerCard } from "../chat/answer-card.tsx";
import { ask } from "../chat/ask.ts";
import { DECODING, type Decoding, DecodingFields } from "../chat/decoding.tsx";
import { ImagePicker } from "../chat/image-picker.tsx";
import { ModelChoice } from "../chat/model-choice.tsx";
import { keptImage, type PickedImage } from "../chat/picked-image.ts";
import { useResource } from "../hooks.ts";
import { ClaimLegend } from "../parts/answer.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { models } from "../service.ts";

type Exchange = { id: number; question: string; image: PickedImage | undefined; answers: ChatAnswer[] };

const BEST_OF = 8; // as in the API's documentation

export function ChatPage({ query }: { query: Record<string, string> }) {
  const known = useResource("models", models);
  const [chosen, setChosen] = useState<string[]>(query["model"] === undefined ? [] : [query["model"]]);
  const [image, setImage] = useState<PickedImage>();
  const [question, setQuestion] = useState(query["question"] ?? "Describe the picture.");
  const [decoding, setDecoding] = useState(DECODING);
  const [trust, setTrust] = useState(false);
  const { exchanges, start, stop, open } = useExchanges();
  const sha256 = query["image"];
  useEffect(() => {
    if (sha256 !== undefined) keptImage(sha256).then(setImage, () => {});
  }, [sha256]);
  const ids = known.value?.data.map(({ id }) => id) ?? [];
  const asked = chosen.length > 0 ? chosen : ids.slice(0, 1);
  const submit = (event: Event) => {
    event.preventDefault();
    if (open || question.trim() === "" || asked.length === 0) return;
    start(
      asked.map((model) => requestOf({ model, question, image, trust, decoding })),
      image,
    );
  };
  return (
    <>
      <h1>Chat</h1>
      <ProblemNote error={known.error} />
      <div class="chat">
        <form class="card stack ask" onSubmit={submit}>
          <ImagePicker image={image} onImage={setImage} />
          <ModelChoice ids={ids} chosen={asked} onChoose={setChosen} />
          <label>
            Question
            <textarea
              name="question"
              rows={3}
              value={question}
              onInput={(event) => setQuestion(event.currentTarget.value)}
              onKeyDown={(event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && submit(event)}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              name="trust"
              checked={trust}
              onChange={(event) => setTrust(event.currentTarget.checked)}
            />
            <span>
              Trust check
              <span class="fine">the best of {BEST_OF} answers by rejected claims, every claim with its verdict</span>
            </span>
          </label>
          <DecodingFields decoding={decoding} onChange={setDecoding} />
          <div class="buttons">
            <button type="submit" class="primary" disabled={open || asked.length === 0}>
              Ask
            </button>
            <button type="button" disabled={!open} onClick={stop}>
              Stop
            </button>
          </div>
          <p class="fine">Every question is asked afresh, with its picture.</p>
        </form>
        <div class="exchanges" aria-live="polite" aria-busy={open}>
          {exchanges.length === 0 && <p class="fine waiting">Answers appear here, side by side for two models.</p>}
          {exchanges.some(({ answers }) => answers.some((answer) => answer.trust !== null)) && <ClaimLegend />}
          {exchanges.map((exchange) => (
            <ExchangeCard key={exchange.id} exchange={exchange} />
          ))}
        </div>
      </div>
    </>
  );
}

type Asked = { model: string; question: string; image: PickedImage | undefined; trust: boolean; decoding: Decoding };

function requestOf({ model, question, image, trust, decoding }: Asked): ChatRequest {
  return {
    model,
    question: question.trim(),
    image: image?.url,
    bestOf: trust ? BEST_OF : undefined,
    temperature: Number(decoding.temperature),
    maxTokens: decoding.maxTokens === "" ? undefined : Number(decoding.maxTokens),
    seed: decoding.seed === "" ? undefined : Number(decoding.seed),
  };
}

/** What was asked since the page is open, newest first; one question at a time. */
function useExchanges() {
  const [exchanges, setExchanges] = useState<Exchange[]>([]);
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const start = (requests: ChatRequest[], image: PickedImage | undefined) => {
    abort.current = new AbortController();
    const { signal } = abort.current;
    const id = Date.now();
    setExchanges((old) => [{ id, question: requests[0]!.question, image, answers: [] }, ...old]);
    requests.forEach((request, index) => {
      const show = (answer: ChatAnswer) =>
        setExchanges((old) => old.map((one) => (one.id === id ? withAnswer(one, index, answer) : one)));
      void ask(request, signal, show);
    });
  };
  const open = exchanges[0]?.answers.some(isOpen) ?? false;
  return { exchanges, start, stop: () => abort.current?.abort(), open };
}

function withAnswer(exchange: Exchange, index: number, answer: ChatAnswer): Exchange {
  const answers = [...exchange.answers];
  answers[index] = answer;
  return { ...exchange, answers };
}

function ExchangeCard({ exchange }: { exchange: Exchange }) {
  const { question, image, answers } = exchange;
  return (
    <article class="exchange">
      <div class="asked-line">
        {image !== undefined && (
          <img class={`picture ${image.small ? "crisp" : ""}`} src={image.shown} alt="What was asked about" />
        )}
        <h2>{question}</h2>
      </div>
      <div class="grid pair-of">
        {answers.map((answer) => (
          <ChatAnswerCard key={answer.model} answer={answer} />
        ))}
      </div>
    </article>
  );
}
