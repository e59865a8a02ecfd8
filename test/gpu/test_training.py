"""Real DPO steps on a tiny LLaVA: the loss falls, a killed training goes on with the same curve, every loss is told."""

import hashlib
import json
import math
from pathlib import Path

import pytest

from checkpoints import completed
from contract import check
from examples import TRAIN_JOB
from reports import Stopped

pytest.importorskip("trl", reason="the package `trl` is not installed")
pytest.importorskip("pyarrow", reason="the package `pyarrow` is not installed")
from train_dpo import TrainingFailed
from world import IMAGES, PAIRS, Watching, World, kill_training, png, processes_of, rows


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One whole training: nine steps, three checkpoints."""
    broken = [
        {**rows(1)[0], "pair_id": "empty", "chosen": "  "},
        {**rows(1)[0], "pair_id": "equal", "chosen": "Same.", "rejected": "Same."},
        {**rows(1)[0], "pair_id": "missing", "image_sha256": "0" * 64},
        {**rows(1)[0], "pair_id": "hostile", "image_sha256": "../../../etc/passwd"},
        {**rows(1)[0], "pair_id": "cut", "image_sha256": "1" * 64},
        {**rows(1)[0], "pair_id": "long", "chosen": "word " * 200},
    ]
    world = World(tmp_path_factory.mktemp("trained"), rows() + broken)
    world.bucket.write("blobs/" + "1" * 64, png("red")[:50])
    world.result = world.train(settings={"epochs": 3})
    return world


def test_the_loss_begins_at_ln_2_and_falls(trained):
    steps = trained.result["steps"]
    assert steps[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert steps[-1]["loss"] < 0.5
    assert steps[-1]["margin"] > 0.5
    assert steps[-1]["accuracy"] == 1
    assert [step["step"] for step in steps] == list(range(1, 10))
    assert {step["steps"] for step in steps} == {9}
    assert [step["epoch"] for step in steps] == pytest.approx([i / 3 for i in range(1, 10)])


def test_the_learning_rate_warms_up_and_ends_as_the_schedule_says(trained):
    # One of nine steps is warm-up; step k has the rate of k - 1 (shared/stages/train.ts, learningRateAt).
    wanted = [0.0] + [1e-3 * 0.5 * (1 + math.cos(math.pi * (k - 1) / 8)) for k in range(1, 9)]
    assert [step["learningRate"] for step in trained.result["steps"]] == pytest.approx(wanted)


def test_dropped_pairs_are_counted_by_reason(trained):
    assert trained.result["pairsUsed"] == PAIRS
    assert trained.result["pairsDropped"] == {
        "empty_text": 1,
        "equal_answers": 1,
        "image_missing": 2,
        "image_unreadable": 1,
        "too_long": 1,
    }


def test_the_result_fits_the_contract_and_its_manifests_name_files_that_are_there(trained):
    assert check("GpuTrainResult", trained.result)
    assert json.loads(trained.bucket.read(TRAIN_JOB["resultKey"])) == trained.result
    assert [each["id"] for each in trained.result["checkpoints"]] == [f"run1-r1-s{step}" for step in (3, 6, 9)]
    assert [each["epoch"] for each in trained.result["checkpoints"]] == [1, 2, 3]
    for each in trained.result["checkpoints"]:
        data = trained.bucket.read(each["key"])
        assert hashlib.sha256(data).hexdigest() == each["sha256"]
        manifest = check("CheckpointManifest", json.loads(data))
        assert "run1-r1/s" in manifest["files"][0]["path"]
        for file in manifest["files"]:
            content = (trained.volume / file["path"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
    assert trained.commits >= 1


def test_metrics_lie_in_the_bucket_as_they_are_in_the_result(trained):
    assert trained.metrics() == trained.result["steps"]


def test_a_checkpoint_is_a_whole_model_in_bfloat16_whose_vision_tower_is_unchanged(trained):
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    folder = trained.volume / "run1-r1" / "s9"
    model = AutoModelForImageTextToText.from_pretrained(folder)
    base = AutoModelForImageTextToText.from_pretrained(trained.model)
    assert model.dtype == torch.bfloat16
    assert AutoProcessor.from_pretrained(folder).chat_template
    before, after = base.state_dict(), model.state_dict()
    changed = {name for name in before if not torch.equal(before[name].to(torch.bfloat16), after[name])}
    assert changed
    assert not any("vision_tower" in name for name in changed)
    assert any("projector" in name for name in changed)


def test_reference_logprobs_are_those_of_the_base_model(trained):
    """Computed a second time: one answer at a time, unpadded, with plain PyTorch."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from engine import Message
    from preprocess import encode, open_image, prompt_text

    processor = AutoProcessor.from_pretrained(trained.model)
    model = AutoModelForImageTextToText.from_pretrained(trained.model).eval()
    (stored,) = trained.references()
    assert set(stored) == {f"p{i}" for i in range(PAIRS)}
    for row in rows()[:4]:
        image = open_image(IMAGES[row["image_sha256"]])
        prompt = prompt_text(processor, [Message("user", [image, row["question"]])])
        start = encode(processor, [prompt], [image])["input_ids"].shape[1]
        sums = []
        for answer in (row["chosen"], row["rejected"]):
            inputs = encode(processor, [f"{prompt} {answer}</s>"], [image])
            ids = inputs["input_ids"][0]
            with torch.no_grad():
                logprobs = model(**inputs).logits[0].log_softmax(-1)
            sums.append(sum(float(logprobs[t - 1, ids[t]]) for t in range(start, len(ids))))
        assert stored[row["pair_id"]] == pytest.approx(sums, rel=1e-4)


def test_a_job_that_has_its_result_is_not_trained_again(trained):
    watch = Watching(trained.volume, 9, lambda _: pytest.fail("it was trained again"))
    assert trained.train(watch, settings={"epochs": 3}) == trained.result


def test_a_killed_training_goes_on_with_the_same_loss_curve(trained, tmp_path):
    world = World(tmp_path)
    watch = Watching(world.volume / "run1-r1", 3, kill_training)
    with pytest.raises(TrainingFailed, match="ended with -9"):
        world.train(watch, settings={"epochs": 3})
    assert world.bucket.exists(TRAIN_JOB["resultKey"]) is False
    assert 9 not in completed(world.volume / "run1-r1")
    (reference,) = world.references()
    result = world.train(settings={"epochs": 3})
    assert result["steps"] == trained.result["steps"]
    assert [each["step"] for each in result["checkpoints"]] == [3, 6, 9]
    assert world.references() == [reference]
    served = [world.volume / "run1-r1/s9/model.safetensors", trained.volume / "run1-r1/s9/model.safetensors"]
    assert served[0].read_bytes() == served[1].read_bytes()


def test_two_processes_share_a_batch_and_give_the_same_curve(trained, tmp_path):
    world = World(tmp_path)
    result = world.train(settings={"epochs": 3}, gpus=2)
    for one, both in zip(trained.result["steps"], result["steps"], strict=True):
        assert both == pytest.approx(one, rel=1e-3, abs=1e-4)
    assert world.references()[0]["p5"] == pytest.approx(trained.references()[0]["p5"], rel=1e-5)


def test_stopped_training_ends_all_its_processes_and_writes_no_result(tmp_path, monkeypatch):
    monkeypatch.setenv("RLAIFV_TEST", str(tmp_path))  # inherited by whatever is started
    world = World(tmp_path)
    watch = Watching(world.volume / "run1-r1", 3, lambda own: own.refuse("the run was stopped"))
    with pytest.raises(Stopped, match="the run was stopped"):
        world.train(watch, settings={"epochs": 200}, gpus=2)
    assert processes_of(str(tmp_path)) == []
    assert world.bucket.exists(TRAIN_JOB["resultKey"]) is False
    assert watch.told_progress[-1][1] == 600


def test_too_few_pairs_are_told_and_nothing_is_loaded(tmp_path):
    world = World(tmp_path, rows(3))
    assert world.train() == {"outcome": "too_few_pairs", "pairs": 3, "needed": 4}
    assert json.loads(world.bucket.read(TRAIN_JOB["resultKey"]))["outcome"] == "too_few_pairs"
    assert list(world.volume.glob("**/*")) == []


def test_a_killed_training_of_an_adapter_goes_on_too_and_the_next_round_begins_at_it(tmp_path):
    settings = {"method": "lora", "epochs": 2, "learningRate": 1e-2, "sftWeight": 0.1}
    whole = World(tmp_path / "whole").train(settings=settings)
    world = World(tmp_path / "killed")
    with pytest.raises(TrainingFailed, match="ended with -9"):
        world.train(Watching(world.volume / "run1-r1", 3, kill_training), settings=settings)
    first = world.train(settings=settings)
    assert first["steps"] == whole["steps"]
    checkpoint = first["checkpoints"][-1]
    manifest = json.loads(world.bucket.read(checkpoint["key"]))
    assert manifest["format"] == "lora"
    names = {Path(file["path"]).name for file in manifest["files"]}
    assert names >= {"adapter_config.json", "adapter_model.safetensors"}
    weights = {"model": world.model, "revision": "", "checkpoint": {k: checkpoint[k] for k in ("key", "sha256")}}
    more = {"name": "run1-r2", "outputPrefix": "runs/run1/r2/train", "resultKey": "runs/run1/r2/train/result.json"}
    second = world.train(settings={**settings, "epochs": 1, "sftWeight": 0.0}, weights=weights, **more)
    # The first adapter is policy and reference of the second round: but for dropout the loss begins at ln 2 again.
    assert second["steps"][0]["loss"] == pytest.approx(math.log(2), abs=0.02)
    assert second["checkpoints"][0]["id"] == "run1-r2-s3"
    assert second["steps"][-1]["margin"] > 0
