"""RLAIF-V's numbers (../shared/golden/rlaifv.json) through the trainer itself: its loss, its logprobs, its schedule."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from contract import DpoSettings
from schedule import schedule
from support import ROOT

FILE = ROOT.parent / "shared" / "golden" / "rlaifv.json"
pytest.importorskip("trl", reason="the package `trl` is not installed")
if not FILE.exists():
    pytest.skip("the golden file ../shared/golden/rlaifv.json is not there", allow_module_level=True)
import torch  # noqa: E402
from datasets import Dataset  # noqa: E402

from tiny import tiny_model, tiny_processor  # noqa: E402
from train_worker import PairTrainer, arguments  # noqa: E402

GOLDEN = json.loads(FILE.read_text("utf-8"))


def trainer_of(folder: Path, **settings):
    """A real trainer; the model it is asked with is given to `compute_loss` below."""
    plan = schedule(8, DpoSettings(method="full"))
    (folder / "reference.json").write_text('{"p": [0, 0]}')
    row = {"pair_id": "p", "image_sha256": "0", "prompt_ids": [1], "chosen_ids": [5, 2], "rejected_ids": [6, 2]}
    return PairTrainer(
        reference=folder / "reference.json",
        model=tiny_model(),
        args=arguments(DpoSettings(method="full", **settings), plan, 0, folder),
        train_dataset=Dataset.from_list([row]),
        processing_class=tiny_processor(),
    )


def answering(logprobs):
    """A model of two tokens that gives token 1 exactly these logprobs (float64), row by row, after position 0."""
    rest = torch.log1p(-torch.exp(logprobs.clamp(max=-1e-12)))
    step = torch.stack([rest, logprobs], dim=-1)
    return lambda **_: SimpleNamespace(logits=torch.stack([step, step], dim=1))


def loss_of(trainer, cases):
    """Loss and gradients at the policy's logprobs, for a batch of golden cases."""
    names = ("policy_chosen", "policy_rejected", "ref_chosen", "ref_rejected")
    chosen, rejected, ref_chosen, ref_rejected = (
        torch.tensor([case[name] for case in cases], dtype=torch.float64) for name in names
    )
    policy = torch.cat([chosen, rejected]).requires_grad_()
    inputs = {
        "input_ids": torch.ones(len(policy), 2, dtype=torch.long),
        "attention_mask": torch.ones(len(policy), 2, dtype=torch.long),
        "completion_mask": torch.tensor([[0, 1]] * len(policy)),
        "ref_chosen_logps": ref_chosen,
        "ref_rejected_logps": ref_rejected,
    }
    loss = trainer.compute_loss(answering(policy), inputs)
    loss.backward()
    return loss.item(), policy.grad.tolist()


@pytest.mark.parametrize("case", GOLDEN["dpo"]["cases"])
def test_loss_rewards_and_gradients_of_a_pair_are_the_golden_ones(case, tmp_path):
    trainer = trainer_of(tmp_path, beta=case["beta"])
    trainer._metrics["train"].clear()
    loss, gradients = loss_of(trainer, [case])
    wanted = case["expected"]
    assert loss == pytest.approx(wanted["loss"], rel=1e-6)
    assert gradients[0] == pytest.approx(wanted["grad_wrt_policy_chosen"], rel=1e-5)
    assert gradients[1] == pytest.approx(wanted["grad_wrt_policy_rejected"], rel=1e-5)
    told = {name: values[0] for name, values in trainer._metrics["train"].items()}
    assert told["rewards/chosen"] == pytest.approx(wanted["chosen_reward"], abs=1e-6)
    assert told["rewards/rejected"] == pytest.approx(wanted["rejected_reward"], abs=1e-6)
    assert told["rewards/margins"] == pytest.approx(wanted["margin"], abs=1e-6)
    assert told["rewards/accuracies"] == wanted["accuracy"]


def test_the_loss_of_a_batch_is_its_mean(tmp_path):
    batch = GOLDEN["dpo"]["batch"]
    cases = [GOLDEN["dpo"]["cases"][index] for index in batch["cases_used"]]
    assert loss_of(trainer_of(tmp_path), cases)[0] == pytest.approx(batch["expected_mean_loss"], rel=1e-6)


def test_the_sft_term_is_per_token_so_for_answers_of_one_token_the_golden_mix(tmp_path):
    # RLAIF-V weighs the summed logprob, this project the mean per token (PAPER.md): equal for answers of one token.
    batch = GOLDEN["dpo"]["batch"]
    cases = [GOLDEN["dpo"]["cases"][index] for index in batch["cases_used"]]
    trainer = trainer_of(tmp_path, sft_weight=batch["with_env"]["SFT_weight"])
    assert loss_of(trainer, cases)[0] == pytest.approx(batch["with_env"]["expected_total"], rel=1e-6)


def test_logprobs_of_an_answer_are_the_golden_sum(tmp_path):
    golden = GOLDEN["sequence_logp"]
    logits = torch.tensor([golden["logits"]] * 2)
    labels = golden["labels"]
    inputs = {
        "input_ids": torch.tensor([[0 if label == -100 else label for label in labels]] * 2),
        "completion_mask": torch.tensor([[int(label != -100) for label in labels]] * 2),
    }
    sums = trainer_of(tmp_path).compute_ref_log_probs(lambda **_: SimpleNamespace(logits=logits), inputs)
    assert [float(each) for each in sums] == pytest.approx([golden["expected"]["sum"]] * 2, rel=1e-6)


def test_answer_and_end_token_are_learned_and_nothing_else(tmp_path):
    case = GOLDEN["label_masking"]["cases"][0]["expected"]
    answer = case["answer_tokens"]
    collator = trainer_of(tmp_path).data_collator
    example = {"prompt_ids": [1] * 49, "chosen_ids": [5] * answer + [2], "rejected_ids": [6, 2]}
    mask = collator([example])["completion_mask"][0].tolist()
    learned = [index for index, each in enumerate(mask) if each]
    assert (learned[0], learned[-1]) == (case["first_supervised_index"], case["last_supervised_index"])
    assert len(learned) == case["supervised_count"]


def test_the_schedule_is_the_golden_one():
    golden = GOLDEN["schedule"]
    plan = schedule(golden["pairs"], DpoSettings(method="full"))
    wanted = golden["expected"]
    assert plan.steps_per_epoch == wanted["steps_per_epoch"]
    assert plan.steps == wanted["max_steps_4_epochs"]
    assert plan.save_every == wanted["save_every_quarter_epoch"]
    assert len(plan.save_steps) == wanted["checkpoints"]
    assert plan.warmup_steps == wanted["warmup_steps"]
