import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { answerReward, bestOfN, largest } from "../../shared/evaluation/best-of-n.ts";
import { centerCrop, PAD_BACKGROUND, padToSquare } from "../../shared/stages/image-geometry.ts";
import { changedTokens } from "../../shared/stages/token-diff.ts";
import {
  dpo,
  learningRateAt,
  schedule,
  sequenceLogprobs,
  supervisedRange,
  weightedLogprobs,
} from "../../shared/stages/train.ts";

const file = new URL("../../../shared/golden/rlaifv.json", import.meta.url);
const golden = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
const skip = golden ? false : "needs ../shared/golden/rlaifv.json";

const near = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} against ${expected}`);

describe("golden numbers of RLAIF-V", { skip }, () => {
  test("DPO: loss, rewards, margin, accuracy and gradients", () => {
    for (const { expected, beta, ...logprobs } of golden.dpo.cases) {
      const found = dpo(
        {
          policyChosen: logprobs.policy_chosen,
          policyRejected: logprobs.policy_rejected,
          referenceChosen: logprobs.ref_chosen,
          referenceRejected: logprobs.ref_rejected,
        },
        beta,
      );
      near(found.loss, expected.loss);
      near(found.margin, expected.margin);
      near(found.chosenReward, expected.chosen_reward);
      near(found.rejectedReward, expected.rejected_reward);
      assert.equal(found.accuracy, expected.accuracy);
      near(found.gradient, expected.grad_wrt_policy_chosen);
      near(-found.gradient, expected.grad_wrt_policy_rejected);
    }
  });

  test("sequence logprobs, shifted by one and masked", () => {
    const { logits, labels, expected } = golden.sequence_logp;
    const found = sequenceLogprobs(logits, labels);
    found.perToken.forEach((logprob, t) => {
      near(logprob, expected.per_token[t]);
    });
    assert.deepEqual([found.mask, found.count], [expected.mask, expected.count]);
    near(found.sum, expected.sum);
    near(found.average, expected.average);
  });

  test("weighted logprobs", () => {
    const { per_token: perToken, mask, weights, expected_sum, expected_average } = golden.weighted_logp;
    const found = weightedLogprobs({ perToken, mask, weights });
    near(found.sum, expected_sum);
    near(found.average, expected_average);
  });

  test("steps, checkpoints and learning rate of a round", () => {
    const { pairs, gpus, per_device_batch, grad_accum, expected } = golden.schedule;
    const plan = schedule({
      pairs,
      batchPairs: gpus * per_device_batch * grad_accum,
      epochs: 4,
      warmupShare: 0.05,
      checkpointsPerEpoch: 4,
    });
    assert.deepEqual(
      [plan.stepsPerEpoch, plan.steps, plan.saveEvery, plan.saveSteps.length, plan.warmupSteps],
      [
        expected.steps_per_epoch,
        expected.max_steps_4_epochs,
        expected.save_every_quarter_epoch,
        expected.checkpoints,
        expected.warmup_steps,
      ],
    );
    for (const [step, rate] of Object.entries(expected.lr))
      near(learningRateAt(Number(step), plan, 5e-7), rate as number, 1e-12);
  });

  test("which tokens of a conversation are learned", () => {
    for (const { expected, ...lengths } of golden.label_masking.cases) {
      const range = supervisedRange({
        prefix: lengths.prefix_tokens_with_trailing_space_token,
        round: lengths.round_tokens_incl_bos_excl_eos,
        total: lengths.total_tokens,
      });
      assert.equal(range ? range.last - range.first + 1 : 0, expected.supervised_count);
      if (range)
        assert.deepEqual(range, { first: expected.first_supervised_index, last: expected.last_supervised_index });
    }
  });

  test("best of n by the model's own reward per token", () => {
    for (const each of golden.best_of_n.cases) {
      const names = Object.keys(each.candidates);
      const answers = names.map((name) => ({
        policy: each.candidates[name].policy,
        reference: each.candidates[name].ref,
      }));
      const rewards = answers.map((answer) => answerReward(answer, 0.1));
      names.forEach((name, i) => {
        near(rewards[i]!.sumReward, each.expected[name].sum_reward);
        near(rewards[i]!.rewardPerToken, each.expected[name].length_normalised_reward);
      });
      assert.equal(names[bestOfN(answers, 0.1)], each.expected_pick_normalised);
      assert.equal(names[largest(rewards.map(({ sumReward }) => sumReward))], each.expected_pick_sum);
    }
  });

  test("tokens that two answers do not share", () => {
    for (const each of golden.token_diff.cases) {
      assert.deepEqual(changedTokens(each.rejected, each.chosen), {
        rejected: each.expected_rejected_modified,
        chosen: each.expected_chosen_modified,
      });
    }
  });

  test("padding at inference and cropping at training", () => {
    assert.deepEqual([...PAD_BACKGROUND], golden.image_geometry.pad_background_rgb);
    for (const { wh, inference_pad, training_center_crop } of golden.image_geometry.cases) {
      const size = { width: wh[0], height: wh[1] };
      const { side, left, top } = padToSquare(size);
      assert.deepEqual({ size: [side, side], paste_xy: [left, top] }, inference_pad);
      const crop = centerCrop(size, 336);
      const found = { resized: [crop.resized.width, crop.resized.height], crop_left_top: [crop.left, crop.top] };
      assert.deepEqual(found, training_center_crop);
    }
  });
});

const logprob = fc.double({ min: -300, max: 0, noNaN: true });
const pair = fc.record({
  policyChosen: logprob,
  policyRejected: logprob,
  referenceChosen: logprob,
  referenceRejected: logprob,
});

test("swapping chosen and rejected turns the margin round and mirrors the loss", () => {
  fc.assert(
    fc.property(pair, fc.double({ min: 0.01, max: 1, noNaN: true }), (logprobs, beta) => {
      const { policyChosen, policyRejected, referenceChosen, referenceRejected } = logprobs;
      const swapped = dpo(
        {
          policyChosen: policyRejected,
          policyRejected: policyChosen,
          referenceChosen: referenceRejected,
          referenceRejected: referenceChosen,
        },
        beta,
      );
      const found = dpo(logprobs, beta);
      near(swapped.margin, -found.margin);
      near(swapped.loss, found.loss + found.margin, 1e-6 * (1 + Math.abs(found.margin)));
    }),
  );
});

test("a policy that is its reference loses ln 2 whatever the answers are", () => {
  fc.assert(
    fc.property(logprob, logprob, (chosen, rejected) => {
      const { loss, accuracy } = dpo(
        { policyChosen: chosen, policyRejected: rejected, referenceChosen: chosen, referenceRejected: rejected },
        0.1,
      );
      near(loss, Math.LN2);
      assert.equal(accuracy, 0);
    }),
  );
});

test("every schedule ends with a checkpoint and never saves a step twice", () => {
  const input = fc.record({
    pairs: fc.integer({ min: 1, max: 500 }),
    batchPairs: fc.integer({ min: 1, max: 32 }),
    epochs: fc.integer({ min: 1, max: 5 }),
    warmupShare: fc.constant(0.05),
    checkpointsPerEpoch: fc.integer({ min: 1, max: 8 }),
  });
  fc.assert(
    fc.property(input, (asked) => {
      const { steps, saveSteps } = schedule(asked);
      assert.equal(saveSteps.at(-1), steps);
      assert.equal(new Set(saveSteps).size, saveSteps.length);
      assert.deepEqual(
        saveSteps,
        saveSteps.toSorted((a, b) => a - b),
      );
    }),
  );
});

test("equal answers share everything; nothing is changed between an answer and its copy", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 3 }), (tokens) => {
      assert.deepEqual(changedTokens(tokens, tokens), { rejected: [], chosen: [] });
    }),
  );
});
