"""Trains one round: reads the pairs, checks them, starts one process per GPU (train_worker.py) and publishes what they
make.

The same job again goes on from its newest whole checkpoint, with the same loss curve. Memory for a model of 7B
weights: full tuning needs about 112 GB over all GPUs (16 bytes a weight) and activations, so two H100 or one H200 at
least; LoRA one GPU of 40 GB.
"""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import reference
from batch import BadInput
from bucket import Bucket
from checkpoints import completed
from contract import CheckpointBase, CheckpointFile, CheckpointManifest, GpuTrainJob, check, plain
from pairs import EncodedPair, as_json, preflight, read_rows
from preprocess import preprocessing_id
from reports import Watch
from schedule import schedule
from weights import checkpoint_of, weights_id

METRICS_SECONDS = 30  # our choice: how old the metrics in the bucket may be
POLL_SECONDS = 0.5  # our choice
GRACE_SECONDS = 20  # our choice; within the 30 s that Modal gives a container


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what still runs. The launcher's workers have sessions of their own: asked politely, it ends them first."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class TrainingFailed(Exception):  # noqa: N818
    """The training processes ended without a result."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Place:
    """`volume`: where checkpoints lie; `commit`: makes what lies there safe; `gpus`: of this container, 0 for the
    CPU."""

    volume: Path
    gpus: int
    commit: Callable[[], None] = lambda: None


def run_training(job: GpuTrainJob, bucket: Bucket, watch: Watch, place: Place) -> dict[str, Any]:
    """The result, also written under `resultKey`. Raises BadInput, WeightsMissing, TrainingFailed and Stopped."""
    made = bucket.read(job.result_key)
    if made is not None:
        return dict(json.loads(made))
    with tempfile.TemporaryDirectory() as folder:
        round_ = _Round(job, bucket, place, Path(folder))
        pairs, dropped = round_.prepare()
        needed = job.settings.batch_pairs  # our choice: one full batch
        if len(pairs) < needed:
            result = {"outcome": "too_few_pairs", "pairs": len(pairs), "needed": needed}
        else:
            round_.carry_out(pairs, watch)
            watch.checkpoint()
            result = round_.result(len(pairs), dropped)
    bucket.write(job.result_key, json.dumps(check("GpuTrainResult", result)).encode())
    return result


class _Round:
    def __init__(self, job: GpuTrainJob, bucket: Bucket, place: Place, scratch: Path) -> None:
        self._job = job
        self._bucket = bucket
        self._place = place
        self._scratch = scratch
        self._prefix = job.output_prefix.rstrip("/")
        self._root = place.volume / job.name
        self._published: dict[int, dict[str, Any]] = {}
        self._check()
        self._source, self._adapter = self._weights()

    def _check(self) -> None:
        settings, gpus = self._job.settings, max(1, self._place.gpus)
        if settings.batch_pairs % gpus:
            raise BadInput(f"batchPairs {settings.batch_pairs} cannot be shared by {gpus} GPUs: make it a multiple")
        if settings.dpo_weight + settings.sft_weight == 0:
            raise BadInput("dpoWeight and sftWeight are both 0: nothing would be learned")

    def prepare(self) -> tuple[list[EncodedPair], dict[str, int]]:
        """Pre-flight: everything about the pairs that can be known before a GPU works."""
        from transformers import AutoConfig, AutoProcessor

        data = self._bucket.read(self._job.pairs_key)
        if data is None:
            raise BadInput(f"pairsKey {self._job.pairs_key!r} is not in the bucket: was the round paired?")
        rows = read_rows(data)
        if len(rows) != self._job.pairs:
            raise BadInput(f"pairsKey {self._job.pairs_key!r} has {len(rows)} pairs, the job says {self._job.pairs}")
        revision = self._job.weights.revision or None
        processor = AutoProcessor.from_pretrained(self._source, revision=revision)
        config = AutoConfig.from_pretrained(self._source, revision=revision)
        pairs, dropped = preflight(rows, self._image, processor, config)
        weights = weights_id(self._job.weights, self._source)
        pairs_hash = hashlib.sha256(json.dumps([as_json(pair) for pair in pairs]).encode()).hexdigest()
        self._made_from = reference.MadeFrom(weights, preprocessing_id(processor), pairs_hash)
        return pairs, dropped

    def carry_out(self, pairs: list[EncodedPair], watch: Watch) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        plan = {
            "root": str(self._root),
            "source": self._source,
            "revision": self._job.weights.revision,
            "adapter": self._adapter,
            "seed": self._job.seed,
            "settings": asdict(self._job.settings),
        }
        (self._scratch / "plan.json").write_text(json.dumps(plan), "utf-8")
        (self._scratch / "pairs.jsonl").write_text("".join(json.dumps(as_json(pair)) + "\n" for pair in pairs), "utf-8")
        known = self._known_reference()
        if known is not None:
            (self._scratch / "reference.json").write_text(json.dumps(known), "utf-8")
        self._plan = schedule(len(pairs), self._job.settings)
        process = subprocess.Popen(self._command(), start_new_session=True)
        try:
            self._follow(process, watch, known is None)
        finally:
            _end(process)
        if process.returncode != 0:
            raise self._failure(process.returncode)
        self._publish()

    def result(self, used: int, dropped: dict[str, int]) -> dict[str, Any]:
        steps = [json.loads(line) for line in self._metrics().splitlines()]
        checkpoints = list(self._published.values())
        return {
            "outcome": "trained",
            "pairsUsed": used,
            "pairsDropped": dropped,
            "steps": steps,
            "checkpoints": checkpoints,
        }

    def _follow(self, process: subprocess.Popen[bytes], watch: Watch, unknown: bool) -> None:
        steps = self._plan.steps
        told_at = time.monotonic()
        while process.poll() is None:
            watch.checkpoint()
            watch.progress(min(steps, len(self._metrics().splitlines())), steps)
            if unknown and (self._scratch / "reference.json").exists():
                self._store_reference()
                unknown = False
            if len(completed(self._root)) > len(self._published) or time.monotonic() - told_at > METRICS_SECONDS:
                self._publish()
                told_at = time.monotonic()
            time.sleep(POLL_SECONDS)
        if unknown and process.returncode == 0:
            self._store_reference()

    def _publish(self) -> None:
        """Metrics so far, and a manifest for each checkpoint that is whole and safe."""
        found = completed(self._root)
        if len(found) > len(self._published):
            self._place.commit()
        for step, files in found.items():
            if step in self._published:
                continue
            self._published[step] = self._manifest(step, files)
        self._bucket.write(f"{self._prefix}/metrics.jsonl", self._metrics().encode())

    def _manifest(self, step: int, files: list[dict[str, Any]]) -> dict[str, Any]:
        name = self._job.name
        weights = self._job.weights
        manifest = CheckpointManifest(
            self._job.settings.method,
            CheckpointBase(weights.model, weights.revision),
            [CheckpointFile(f"{name}/s{step}/{file['path']}", file["bytes"], file["sha256"]) for file in files],
        )
        data = json.dumps(check("CheckpointManifest", plain(manifest))).encode()
        key = f"{self._prefix}/checkpoints/{name}-s{step}.json"
        self._bucket.write(key, data)
        sha256 = hashlib.sha256(data).hexdigest()
        return {
            "id": f"{name}-s{step}",
            "key": key,
            "sha256": sha256,
            "step": step,
            "epoch": step / self._plan.steps_per_epoch,
        }

    def _weights(self) -> tuple[str, str | None]:
        """What to load: name or folder, and an adapter's folder."""
        found = checkpoint_of(self._job.weights, self._bucket, self._place.volume)
        if found is None:
            return self._job.weights.model, None
        manifest, folder = found
        if manifest.format == "lora":
            return self._job.weights.model, str(folder)
        if self._job.settings.method == "lora":
            raise BadInput("settings.method is 'lora' over a checkpoint of all weights: keep one method through a run")
        return str(folder), None

    def _image(self, sha256: str) -> bytes | None:
        """From the bucket into the folder of this training, where the collator reads it."""
        if not re.fullmatch("[0-9a-f]{64}", str(sha256)):
            return None
        path = self._scratch / "images" / sha256
        data = path.read_bytes() if path.exists() else self._bucket.read(f"blobs/{sha256}")
        if data is not None and not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return data

    def _known_reference(self) -> reference.Logprobs | None:
        try:
            return reference.load(self._bucket, self._prefix, self._made_from)
        except reference.Stale as error:
            print(f"{error}", flush=True)
            return None

    def _store_reference(self) -> None:
        logprobs = json.loads((self._scratch / "reference.json").read_text("utf-8"))
        reference.store(self._bucket, self._prefix, self._made_from, logprobs)

    def _metrics(self) -> str:
        """Whole lines only: the last one may be under way."""
        path = self._scratch / "metrics.jsonl"
        text = path.read_text("utf-8") if path.exists() else ""
        return text[: text.rfind("\n") + 1]

    def _command(self) -> list[str]:
        worker = [str(Path(__file__).with_name("train_worker.py")), str(self._scratch)]
        if self._place.gpus <= 1:
            return [sys.executable, *worker]
        processes = f"--nproc-per-node={self._place.gpus}"
        return [sys.executable, "-m", "torch.distributed.run", "--standalone", processes, *worker]

    def _failure(self, code: int) -> TrainingFailed:
        path = self._scratch / "failure.json"
        if path.exists():
            told = json.loads(path.read_text("utf-8"))
            return TrainingFailed(told["code"], told["message"])
        return TrainingFailed("crashed", f"the training processes ended with {code}: their output is in the app's log")
