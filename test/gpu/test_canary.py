"""The canary: a model that sees passes, one that is blind, wrong or silent fails before it is paid for a batch."""

import pytest

from canary import CanaryFailed, _asked, check_sight
from engine import Refused

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from batches import RED, Scripted, blob, errors, line, run  # noqa: E402
from examples import BATCH_JOB  # noqa: E402
from preprocess import encode, prompt_text  # noqa: E402
from tiny import tiny_model, tiny_processor  # noqa: E402
from transformers_engine import TransformersEngine  # noqa: E402


def taught_to_see(answers):
    """The tiny model, trained on the canary's question until it gives `answers` for a red and a blue square."""
    model, processor = tiny_model(1), tiny_processor()
    requests = [_asked("red"), _asked("blue")]
    inputs = encode(
        processor, [prompt_text(processor, r.messages) for r in requests], [i for r in requests for i in r.images]
    )
    wanted = torch.tensor([processor.tokenizer.convert_tokens_to_ids(word) for word in answers])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits[:, -1], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return TransformersEngine(model, processor)


def test_the_canary_lets_a_model_pass_that_sees(bucket):
    engine = taught_to_see(("yes", "no"))
    red, blue = check_sight(engine)
    assert red > 0.8
    assert blue < 0.2
    run(bucket, [line("a", blob(RED), max_tokens=2)], engine, canary=True)
    assert errors(bucket) == []


@pytest.mark.parametrize("answers", [("yes", "yes"), ("no", "yes")])
def test_the_canary_fails_a_batch_whose_model_is_blind_or_wrong(bucket, answers):
    with pytest.raises(CanaryFailed, match="the model does not see its images"):
        run(bucket, [line("a", blob(RED))], taught_to_see(answers), canary=True)
    assert bucket.exists(BATCH_JOB["outputKey"]) is False


def test_the_canary_fails_a_model_that_refuses():
    class Refusing(Scripted):
        def answer(self, requests):
            return iter([Refused("x", "y")] * len(requests))

    with pytest.raises(CanaryFailed, match="no yes or no"):
        check_sight(Refusing())
