"""A bucket, a volume and a tiny model for the tests of training, and watches that disturb it."""

import hashlib
import io
import json
import os
import signal
from pathlib import Path

import pyarrow
import pyarrow.parquet as pq
from PIL import Image

import train_dpo
from bucket import FolderBucket
from checkpoints import completed
from contract import parse_job
from examples import SETTINGS, TRAIN_JOB
from meter import ContainerMeter
from reports import Watch
from tiny import save_tiny
from train_dpo import Place, run_training

# So that a training is disturbed right after the checkpoint it is watched for.
train_dpo.POLL_SECONDS = 0.02
PAIRS = 12


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


IMAGES = {hashlib.sha256(data).hexdigest(): data for data in (png("red"), png("blue"))}


def rows(count=PAIRS, start=0):
    names = list(IMAGES)
    return [
        {
            "pair_id": f"p{i}",
            "sample_id": f"s{i}",
            "image_sha256": names[i % 2],
            "question": f"What is number {i}?",
            "chosen": "A plain square." if i % 2 else "It is a square, nothing else.",
            "rejected": "A cat on a mat." if i % 2 else "It is a square with a dog.",
        }
        for i in range(start, start + count)
    ]


class World:
    """A bucket, a volume and the tiny model's folder."""

    def __init__(self, folder, pairs=None, seed=0):
        self.bucket = FolderBucket(folder / "bucket")
        self.volume = folder / "volume"
        self.model = save_tiny(folder / "model", seed)
        self.commits = 0
        for name, data in IMAGES.items():
            self.bucket.write(f"blobs/{name}", data)
        self.write_pairs(pairs or rows())

    def write_pairs(self, pairs):
        file = io.BytesIO()
        pq.write_table(pyarrow.Table.from_pylist(pairs), file)
        self.bucket.write(TRAIN_JOB["pairsKey"], file.getvalue())
        self.pairs = len(pairs)

    def job(self, settings=None, **more):
        weights = {"model": self.model, "revision": "", "checkpoint": None}
        whole = {**TRAIN_JOB, "weights": weights, "pairs": self.pairs, "settings": {**SETTINGS, **(settings or {})}}
        return parse_job({**whole, **more})

    def train(self, watch=None, gpus=0, **job):
        place = Place(self.volume, gpus, self.commit)
        return run_training(self.job(**job), self.bucket, watch or watch_of(), place)

    def commit(self):
        self.commits += 1

    def metrics(self):
        text = self.bucket.read(f"{TRAIN_JOB['outputPrefix']}/metrics.jsonl").decode()
        return [json.loads(line) for line in text.splitlines()]

    def references(self):
        folder = Path(self.bucket._root) / TRAIN_JOB["outputPrefix"]
        return [json.loads(path.read_text()) for path in sorted(folder.glob("reference-*.json"))]


def watch_of():
    return Watch(10**9, ContainerMeter(0.0, 0.0, now=lambda: 0.0).call(), 0)


class Watching(Watch):
    """Does something to the training once its checkpoint of `step` is whole."""

    def __init__(self, root, step, act):
        super().__init__(10**9, ContainerMeter(0.0, 0.0, now=lambda: 0.0).call(), 0)
        self.root, self.step, self.act, self.told_progress = root, step, act, []

    def checkpoint(self):
        if self.step in completed(self.root):
            self.act(self)
        super().checkpoint()

    def progress(self, done, total):
        super().progress(done, total)
        self.told_progress.append((done, total))


def children():
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def processes_of(mark):
    """Command lines of living processes that a test started with RLAIFV_TEST=mark, but for the test's own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"RLAIFV_TEST={mark}".encode() in (folder / "environ").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if marked and int(folder.name) != os.getpid():
            found.append((folder / "cmdline").read_bytes())
    return found


def kill_training(_):
    for pid in children():
        if b"train_worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
