"""A call from its job to its last report: every ending is reported, with what it cost."""

import json

import pytest

from batch import BadInput
from bucket import FolderBucket
from canary import CanaryFailed
from contract import check
from engine import Choice, Completion, OutOfMemory
from examples import BATCH_JOB, TRAIN_JOB, WEIGHTS
from meter import ContainerMeter
from reports import Stopped
from train_dpo import Place, TrainingFailed
from work import Container, code_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GONE = {**WEIGHTS, "checkpoint": {"key": "c", "sha256": "0"}}
LINE = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "m", "messages": [{"role": "user", "content": "Hello"}]},
}


class Engine:
    batch_size = 4

    def answer(self, requests):
        clock[0] += 30
        for _ in requests:
            yield Completion([Choice("Hi.", "stop", None)], 5, 2, 1)


clock = [0.0]


class Workers:
    """Takes reports as the callback would: checked against the contract, answered in turn."""

    def __init__(self):
        self.got, self.answers = [], [{"goOn": True}]

    def __call__(self, url, body, headers):
        self.got.append(check("GpuReport", json.loads(body)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return (500, b"") if answer is None else (200, json.dumps(answer).encode())


@pytest.fixture
def workers():
    return Workers()


@pytest.fixture
def container(tmp_path, workers):
    clock[0] = 50.0
    bucket = FolderBucket(tmp_path / "bucket")
    bucket.write(BATCH_JOB["inputKey"], json.dumps(LINE).encode())
    loaded = []

    def load(weights, folder, kind):
        loaded.append((weights.model, folder, kind))
        return Engine()

    own = Container(
        name="ta-1",
        bucket=bucket,
        place=Place(tmp_path / "volume", 0),
        meter=ContainerMeter(started_at=10.0, idle_seconds=120.0, now=lambda: clock[0]),
        secret=SECRET,
        load=load,
        post=workers,
        sleep=lambda _: None,
    )
    own.loaded = loaded
    return own


def job(**more):
    return {**BATCH_JOB, "lines": 1, **more}


def test_a_batch_is_reported_from_its_start_to_its_success(container, workers):
    assert container.carry_out(job(), "fc-1") == {"outcome": "done", "key": BATCH_JOB["outputKey"]}
    started, success = workers.got
    assert started == {"type": "started", "call": "run1/generate-0#1", "providerId": "fc-1", "container": "ta-1"}
    assert success["type"] == "success"
    assert success["gpuSeconds"] == 40 + 30 + 120  # the container's start, the answer, the idle time to come
    assert success["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}


def test_the_next_batch_of_a_container_pays_only_its_own_time_and_loads_nothing(container, workers):
    container.carry_out(job(), "fc-1")
    container.carry_out(job(call="run1/generate-1#1", outputKey="batches/def/output.jsonl"), "fc-2")
    assert [report.get("gpuSeconds") for report in workers.got] == [None, 190, None, 30]
    assert len(container.loaded) == 1


def test_a_batch_that_is_there_loads_no_model(container, workers):
    container.carry_out(job(), "fc-1")
    container.loaded.clear()
    container._loaded = None
    assert container.carry_out(job(), "fc-2")["outcome"] == "done"
    assert container.loaded == []
    assert workers.got[-1]["usage"]["total_tokens"] == 7


def test_a_call_that_may_not_start_computes_nothing(container, workers):
    workers.answers = [{"goOn": False, "reason": "another one has it"}, {"goOn": True}]
    assert container.carry_out(job(), "fc-1")["code"] == "stopped"
    assert container.loaded == []
    assert container.bucket.exists(BATCH_JOB["outputKey"]) is False
    assert workers.got[-1]["type"] == "failure"
    assert (workers.got[-1]["code"], workers.got[-1]["retryable"]) == ("stopped", False)


def test_a_call_whose_start_reaches_nobody_computes_nothing(container, workers):
    workers.answers = [None]
    assert container.carry_out(job(), "fc-1")["code"] == "unreachable"
    assert container.loaded == []
    assert {report["type"] for report in workers.got} == {"started"}


def test_a_lost_last_report_loses_no_result(container, workers):
    workers.answers = [{"goOn": True}, None]
    assert container.carry_out(job(), "fc-1")["outcome"] == "done"
    assert container.bucket.exists(BATCH_JOB["outputKey"]) is True


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"lines": 9}, "bad_input", "has 1 lines, the job says 9"),
        ({"inputKey": "batches/none"}, "bad_input", "is not in the bucket"),
        (
            {"weights": {**WEIGHTS, "checkpoint": {"key": "c", "sha256": "0"}}},
            "bad_input",
            "train the round before again",
        ),
        ({"deadlineSeconds": 150}, "deadline", "160 of 150 paid GPU seconds used"),
    ],
)
def test_a_failure_is_reported_with_its_code_and_the_way_out(container, workers, change, code, told):
    assert container.carry_out(job(**change), "fc-1")["code"] == code
    assert workers.got[-1]["type"] == "failure"
    assert workers.got[-1]["code"] == code
    assert told in workers.got[-1]["message"]
    assert container.bucket.exists(BATCH_JOB["outputKey"]) is False


def test_a_container_takes_no_job_of_other_weights(container, workers):
    container.carry_out(job(), "fc-1")
    other = job(outputKey="batches/def/output.jsonl", weights={**WEIGHTS, "revision": "def"})
    assert container.carry_out(other, "fc-2")["code"] == "bad_input"


def test_a_training_without_its_pairs_is_reported(container, workers):
    assert container.carry_out({**TRAIN_JOB}, "fc-1")["code"] == "bad_input"
    assert "was the round paired?" in workers.got[-1]["message"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CanaryFailed("x"), "canary_failed"),
        (OutOfMemory("x"), "out_of_memory"),
        (Stopped("deadline", "x"), "deadline"),
        (TrainingFailed("crashed", "x"), "crashed"),
        (BadInput("x"), "bad_input"),
        (RuntimeError("x"), "internal"),
    ],
)
def test_every_ending_has_a_code(error, code):
    assert code_of(error) == code
