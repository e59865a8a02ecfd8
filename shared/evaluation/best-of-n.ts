/** Choosing among answers by the model's own reward, without a labeler (RLAIF-V 3.3: self-feedback at inference time). */

/** Logprobs of one answer's tokens under the aligned policy and under its reference, nats. */
export type ScoredTokens = { policy: readonly number[]; reference: readonly number[] };

export type AnswerReward = {
  /** `beta * sum(policy - reference)`: what DPO trained; it favours length when rewards are positive. */
  sumReward: number;
  /** The same per token: the one to choose by. */
  rewardPerToken: number;
  policyMeanLogprob: number;
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The DPO reward of an answer. An answer without tokens has reward 0 and no mean. */
export function answerReward({ policy, reference }: ScoredTokens, beta: number): AnswerReward {
  const sumReward = beta * (sum(policy) - sum(reference));
  const rewardPerToken = policy.length === 0 ? 0 : sumReward / policy.length;
  return { sumReward, rewardPerToken, policyMeanLogprob: sum(policy) / policy.length };
}

/** The place of the largest value, the first of equals; -1 where there is none. */
export function largest(values: readonly number[]): number {
  return values.reduce((best, value, at) => (best < 0 || value > values[best]! ? at : best), -1);
}

/** The place of the answer with the largest reward per token. */
export function bestOfN(answers: readonly ScoredTokens[], beta: number): number {
  return largest(answers.map((answer) => answerReward(answer, beta).rewardPerToken));
}
