import { candidateIdOf } from "../ids.ts";
import { seedFor } from "../random.ts";
import type { ChatChoice } from "../schemas/chat.ts";
import { type Candidate, Generated, Submitted } from "../schemas/sample.ts";
import { neutraliseControlTokens } from "./control-tokens.ts";
import type { ModelStage, StageContext } from "./stage.ts";

/**
 * Sampled answers of the policy: one request per sample with `n` candidates, all under the same decoding settings, so
 * that they differ in truth and not in style (paper §2.2, "deconfounded" sampling).
 */
export const generate: ModelStage<Submitted, Generated> = {
  name: "generate",
  from: "submitted",
  to: "generated",
  input: Submitted,
  output: Generated,

  ask(sample, context) {
    const { candidates, temperature, topP, maxTokens } = context.config.generate;
    const content = [
      { type: "image_url" as const, image_url: { url: `blob:${sample.image.sha256}` } },
      { type: "text" as const, text: neutraliseControlTokens(sample.question) },
    ];
    const decoding = {
      n: candidates,
      temperature,
      ...(topP === undefined ? {} : { top_p: topP }),
      max_tokens: maxTokens,
    };
    const body = { messages: [{ role: "user" as const, content }], ...decoding, seed: seedOf(sample, context) };
    return [{ custom_id: customId(sample), target: "policy/0", body }];
  },

  absorb(sample, replies, context) {
    const reply = replies.get(customId(sample));
    if (reply?.outcome !== "completed" || reply.completion.choices.length === 0) {
      const why =
        reply?.outcome === "failed" ? `${reply.failure.code}: ${reply.failure.message}` : "no answer came back";
      return { outcome: "parked", reason: `generate: ${why}`, losses: { failed_request: 1 } };
    }
    const { choices, usage } = reply.completion;
    const tokens = choices.length === 1 ? (usage?.completion_tokens ?? null) : null; // usage sums over the choices
    const seed = seedOf(sample, context);
    const candidates = [...choices]
      .sort((a, b) => a.index - b.index)
      .map((choice, index) =>
        candidateOf(choice, tokens, { sampleId: sample.sampleId, index, model: context.policy, seed }),
      );
    return {
      outcome: "done",
      sample: { ...sample, candidates },
      losses: {
        empty_answer: candidates.filter((candidate) => candidate.text === "").length,
        cut_answer: candidates.filter((candidate) => candidate.finishReason === "length").length,
      },
    };
  },
};

function customId(sample: Submitted): string {
  return `${sample.sampleId}/generate`;
}

function seedOf(sample: Submitted, context: StageContext): number {
  return seedFor(context.config.seed, context.round, sample.sampleId, "generate");
}

function candidateOf(
  choice: ChatChoice,
  completionTokens: number | null,
  identity: Parameters<typeof candidateIdOf>[0],
): Candidate {
  return {
    candidateId: candidateIdOf(identity),
    index: identity.index,
    text: (choice.message.content ?? "").trim(),
    finishReason: choice.finish_reason ?? "unknown",
    completionTokens,
  };
}
