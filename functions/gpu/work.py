"""A call from its job to its last report: what the Modal functions of app.py forward to. Knows no Modal.

Every ending is a report and a value; nothing is thrown at Modal, whose own retries would compute again what nobody
has reserved money for. A container that dies without a word is found by the workers, by its silence.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batch import BadInput, run_batch
from bucket import Bucket
from canary import CanaryFailed
from contract import BatchJob, Job, Weights, parse_job
from engine import Engine, OutOfMemory
from meter import ContainerMeter
from reports import Call, Post, Sender, Stopped, Unreachable, Watch, heartbeat, http_post
from train_dpo import Place, TrainingFailed, run_training
from weights import WeightsMissing, checkpoint_of

Load = Callable[[Weights, Path | None, str], Engine]
# What the same job may end better with another time: room may be had on another machine, and what nobody foresaw.
RETRYABLE = frozenset({"out_of_memory", "crashed", "internal"})


class OtherWeights(ValueError):  # noqa: N818
    """A container was given a job of other weights than it has loaded."""


@dataclass
class Container:
    """One container's life: its engine is loaded by the first job and kept for the next ones."""

    name: str
    bucket: Bucket
    place: Place
    meter: ContainerMeter
    secret: str
    load: Load
    post: Post = http_post
    sleep: Callable[[float], None] = time.sleep
    _loaded: tuple[Weights, Engine] | None = field(default=None, init=False)

    def carry_out(self, value: dict[str, Any], provider_id: str) -> dict[str, str]:
        """Does a job and reports on it; the value returned is for Modal's log only."""
        job = parse_job(value)
        sender = Sender(job.callback_url, self.secret, self.post, self.sleep)
        call = Call(job, provider_id, self.name, sender, self.meter.call())
        try:
            with heartbeat(call, job.lines if isinstance(job, BatchJob) else 0) as watch:
                usage = self._do(job, watch)
        except Unreachable as error:  # nobody was told that it started: it has not
            call.meter.end()
            return {"outcome": "failed", "code": "unreachable", "message": str(error)}
        except Exception as error:
            return self._failed(call, error)
        call.meter.end()
        key = job.output_key if isinstance(job, BatchJob) else job.result_key
        self._tell(call, "success", resultKey=key, usage=usage)
        return {"outcome": "done", "key": key}

    def _do(self, job: Job, watch: Watch) -> dict[str, Any] | None:
        if isinstance(job, BatchJob):
            return self._batch(job, watch)
        run_training(job, self.bucket, watch, self.place)
        return None

    def _batch(self, job: BatchJob, watch: Watch) -> dict[str, Any]:
        if self.bucket.exists(job.output_key):
            return run_batch(job, self.bucket, _NoEngine(), watch)
        return run_batch(job, self.bucket, self._engine(job.weights), watch)

    def _engine(self, weights: Weights) -> Engine:
        if self._loaded is None:
            found = checkpoint_of(weights, self.bucket, self.place.volume)
            folder, kind = (None, "") if found is None else (found[1], found[0].format)
            self._loaded = (weights, self.load(weights, folder, kind))
        loaded, engine = self._loaded
        if loaded != weights:
            raise OtherWeights(
                f"the job wants {weights}, this container has {loaded}: spawn it with its own parameters"
            )
        return engine

    def _failed(self, call: Call, error: Exception) -> dict[str, str]:
        call.meter.end()
        code = code_of(error)
        message = f"{error}" if code != "internal" else f"{type(error).__name__}: {error}"
        self._tell(call, "failure", code=code, message=message, retryable=code in RETRYABLE)
        return {"outcome": "failed", "code": code, "message": message}

    def _tell(self, call: Call, kind: str, **more: Any) -> None:
        """The last report. What it tells lies in the bucket too: the workers look there when they hear nothing."""
        try:
            call.report(kind, **more)
        except Unreachable as error:
            print(f"last report lost: {error}", flush=True)


class _NoEngine:
    """For a batch whose output is there: nothing will be asked."""

    batch_size = 1

    def answer(self, requests: Any) -> Any:
        raise AssertionError("the output was there a moment ago")


def code_of(error: Exception) -> str:
    """The code of a failure report."""
    if isinstance(error, Stopped | TrainingFailed):
        return error.code
    if isinstance(error, CanaryFailed):
        return "canary_failed"
    if isinstance(error, OutOfMemory) or type(error).__name__ == "OutOfMemoryError":
        return "out_of_memory"
    if isinstance(error, BadInput | WeightsMissing | OtherWeights):
        return "bad_input"
    return "internal"
