/** `trust`: what it needs of a request, and what it tells of an answer. */
import { bestAnswer } from "../../../shared/evaluation/best-by-claims.ts";
import type { ChatBody, Usage } from "../../../shared/schemas/chat.ts";
import type { Scored, ScoredCandidate } from "../../../shared/schemas/sample.ts";
import { wordCount } from "../../../shared/stages/text.ts";
import type { Checked } from "../../trust/check.ts";
import { candidateView, verdictCounts } from "../sample-views.ts";
import { ApiError } from "./errors.ts";
import type { TrustView } from "./parts.ts";
import { invalidValue, type TrustAsked } from "./request.ts";

/** What a check is about: the last turn's question, and its image or else the last one before. */
export type TrustSubject = { question: string; imageUrl: string };

/** Throws ApiError 400 where there is no one answer to one question about one image. */
export function trustSubject(body: ChatBody): TrustSubject {
  const last = body.messages.at(-1)!;
  if ((body.n ?? 1) > 1) throw invalidValue("n", "trust gives one answer: leave out n, or trust.");
  if (body.response_format)
    throw invalidValue("response_format", "trust checks text: leave out response_format, or trust.");
  if (last.role !== "user") throw invalidValue("messages", "trust needs a user's question as the last message.");
  const question = textOf(last);
  if (question === "") throw invalidValue("messages", "trust needs a question in words in the last message.");
  const images = imagesOf(last);
  if (images.length > 1)
    throw invalidValue("messages", `trust checks claims about one image; the last message has ${images.length}.`);
  const imageUrl = images[0] ?? body.messages.flatMap(imagesOf).at(-1);
  if (imageUrl === undefined) throw invalidValue("messages", "trust checks claims about an image: send one.");
  return { question, imageUrl };
}

type Message = ChatBody["messages"][number];

function textOf({ content }: Message): string {
  if (typeof content === "string") return content.trim();
  const texts = content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  return texts.join("\n").trim();
}

function imagesOf({ content }: Message): string[] {
  if (typeof content === "string") return [];
  return content.flatMap((part) => (part.type === "image_url" ? [part.image_url.url] : []));
}

/** What the check found, or ApiError with the reason why there is nothing. */
export function checkedOrRefused(checked: Checked): { scored: Scored; usage: Usage } {
  if (checked.outcome === "checked") return checked;
  if (checked.outcome === "failed") {
    const message = `The answer could not be checked: ${checked.reason}. Try again, or ask without trust.`;
    throw new ApiError(503, { code: "trust_failed", param: "trust", message });
  }
  const message =
    "The check of this answer could cost more than was reserved for it: ask for a shorter answer with max_tokens, or without trust.";
  throw new ApiError(400, { code: "trust_too_long", param: "trust", message });
}

export type Judged = { best: ScoredCandidate; view: TrustView };

/** The answer to give, and what is told of it. */
export function judged(
  { scored, usage }: { scored: Scored; usage: Usage },
  { bestOf, claims }: TrustAsked,
  labelers: string[],
): Judged {
  const best = bestAnswer(scored.candidates);
  if (best === undefined)
    throw new ApiError(503, { code: "no_answer", message: "The model gave no answer. Try again." });
  const candidates = scored.candidates.map((candidate) => ({
    score: candidate.score,
    rejected: verdictCounts({ candidates: [candidate] }).rejected,
    words: wordCount(candidate.text),
    chosen: candidate === best,
  }));
  const { score, unusable = null } = best;
  const told = claims ? { claims: candidateView(best).claims } : {};
  return { best, view: { best_of: bestOf, ...told, score, unusable, candidates, labelers, usage } };
}
