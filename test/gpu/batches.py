"""Batch files for the tests, and an engine that answers by a script."""

import hashlib
import io
import json

from PIL import Image

from batch import run_batch
from contract import parse_job
from engine import Choice, Completion, OutOfMemory
from examples import BATCH_JOB
from meter import ContainerMeter
from reports import Watch


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, "PNG")
    return file.getvalue()


RED, BLUE = png("red"), png("blue")


def blob(data):
    return f"blob:{hashlib.sha256(data).hexdigest()}"


def line(custom_id, *parts, **body):
    content = [p if isinstance(p, dict) else {"type": "image_url", "image_url": {"url": p}} for p in parts]
    asked = {"model": "m", "messages": [{"role": "user", "content": [*content, text("Is it red?")]}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": asked}


def text(words):
    return {"type": "text", "text": words}


class Scripted:
    """Answers with the custom_id; notes what it was asked at once."""

    def __init__(self, batch_size=4, room=100, refuses=()):
        self.batch_size, self.room, self.refuses, self.asked = batch_size, room, refuses, []

    def answer(self, requests):
        self.asked.append([request.custom_id for request in requests])
        if len(requests) > self.room:
            raise OutOfMemory("no room")
        for request in requests:
            if request.custom_id in self.refuses:
                raise ValueError("the prompt is too long")
        for request in requests:
            yield Completion([Choice(request.custom_id, "stop", None)] * request.n, 10, 2, 4)


def watch_of(seconds=10**9):
    meter = ContainerMeter(0.0, 0.0, now=lambda: 0.0).call()
    return Watch(seconds, meter, 0)


def run(bucket, lines, engine, watch=None, claimed=None, **job):
    texts = [each if isinstance(each, str) else json.dumps(each) for each in lines]
    bucket.write(BATCH_JOB["inputKey"], "\n".join(texts).encode() + b"\n")
    whole = parse_job({**BATCH_JOB, "lines": claimed or len(lines), **job})
    return run_batch(whole, bucket, engine, watch or watch_of())


def output(bucket):
    return [json.loads(each) for each in bucket.read(BATCH_JOB["outputKey"]).splitlines()]


def errors(bucket):
    return [(each["custom_id"], each["error"]["code"]) for each in output(bucket) if each["error"]]
