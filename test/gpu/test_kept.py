"""What is kept between calls is used only when it is whole and of the right thing: reference logprobs, checkpoints,
states of training."""

import hashlib
import json
from dataclasses import replace

import pytest

import reference
from bucket import FolderBucket
from checkpoints import complete, completed, newest_state
from contract import CheckpointRef, Weights
from reference import MadeFrom, Stale
from weights import WeightsMissing, checkpoint_of

MADE = MadeFrom(weights="w1", preprocessing="p1", pairs="x1")
LOGPROBS = {"a": [-12.0, -15.0]}


@pytest.fixture
def bucket(tmp_path):
    return FolderBucket(tmp_path / "bucket")


def test_reference_logprobs_are_read_back(bucket):
    assert reference.load(bucket, "r1", MADE) is None
    reference.store(bucket, "r1", MADE, LOGPROBS)
    assert reference.load(bucket, "r1", MADE) == LOGPROBS


@pytest.mark.parametrize("part", ["weights", "preprocessing", "pairs"])
def test_reference_logprobs_of_something_else_are_refused_and_made_again_beside_the_old(bucket, part):
    reference.store(bucket, "r1", MADE, LOGPROBS)
    other = replace(MADE, **{part: "other"})
    with pytest.raises(Stale, match=f"made from other {part}: they are computed anew"):
        reference.load(bucket, "r1", other)
    reference.store(bucket, "r1", other, {"a": [-1.0, -2.0]})
    assert reference.load(bucket, "r1", other) == {"a": [-1.0, -2.0]}
    assert json.loads(bucket.read(f"r1/reference-{MADE.id}.json")) == LOGPROBS


def write(path, content="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def checkpoint(root, step):
    write(root / f"s{step}" / "model.safetensors", f"weights {step}")
    write(root / "state" / f"checkpoint-{step}" / "model.safetensors", f"masters {step}")
    write(root / "state" / f"checkpoint-{step}" / "optimizer_0" / "shard.bin", "moments")


def test_training_goes_on_from_the_newest_checkpoint_that_is_whole(tmp_path):
    assert newest_state(tmp_path) is None
    for step in (3, 6, 12):
        checkpoint(tmp_path, step)
    complete(tmp_path, 3)
    complete(tmp_path, 6)
    assert newest_state(tmp_path) == tmp_path / "state" / "checkpoint-6"
    (tmp_path / "state" / "checkpoint-6" / "optimizer_0" / "shard.bin").write_text("cut")
    assert newest_state(tmp_path) == tmp_path / "state" / "checkpoint-3"
    assert list(completed(tmp_path)) == [3, 6]  # both are served all the same


def test_a_checkpoint_whose_state_was_tidied_away_is_still_served(tmp_path):
    checkpoint(tmp_path, 3)
    complete(tmp_path, 3)
    for path in (tmp_path / "state" / "checkpoint-3").rglob("*.*"):
        path.unlink()
    assert newest_state(tmp_path) is None
    (file,) = completed(tmp_path)[3]
    assert file == {"path": "model.safetensors", "bytes": 9, "sha256": hashlib.sha256(b"weights 3").hexdigest()}


def weights_of(bucket, **change):
    file = {"path": "r1/s3/model.safetensors", "bytes": 9, "sha256": "0"}
    manifest = {"format": "full", "base": {"model": "m", "revision": ""}, "files": [file], **change}
    data = json.dumps(manifest).encode()
    bucket.write("m.json", data)
    return Weights("m", "", CheckpointRef("m.json", hashlib.sha256(data).hexdigest()))


def test_a_checkpoint_is_found_by_its_manifest(bucket, tmp_path):
    write(tmp_path / "r1" / "s3" / "model.safetensors", "weights 3")
    manifest, folder = checkpoint_of(weights_of(bucket), bucket, tmp_path)
    assert (manifest.format, folder) == ("full", tmp_path / "r1" / "s3")
    assert checkpoint_of(Weights("m", "", None), bucket, tmp_path) is None


def test_a_checkpoint_that_is_not_what_the_job_says_is_refused(bucket, tmp_path):
    weights = weights_of(bucket)
    with pytest.raises(WeightsMissing, match="is not whole on the volume"):
        checkpoint_of(weights, bucket, tmp_path)
    write(tmp_path / "r1" / "s3" / "model.safetensors", "weights")
    with pytest.raises(WeightsMissing, match="is not whole on the volume"):
        checkpoint_of(weights, bucket, tmp_path)
    with pytest.raises(WeightsMissing, match="another hash than the job says"):
        checkpoint_of(replace(weights, checkpoint=CheckpointRef("m.json", "1")), bucket, tmp_path)
    with pytest.raises(WeightsMissing, match="is not in the bucket"):
        checkpoint_of(replace(weights, checkpoint=CheckpointRef("none.json", "1")), bucket, tmp_path)
    with pytest.raises(WeightsMissing, match="a checkpoint of 'm', the job says 'other'"):
        checkpoint_of(replace(weights, model="other"), bucket, tmp_path)
