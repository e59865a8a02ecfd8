"""Reports of a GPU function to the workers: signed POSTs, and the answer whether to go on.

Signatures are Standard Webhooks' symmetric ones (standardwebhooks.com), as functions/webhooks/signature.ts makes them.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from contract import GpuVerdict, Job, check, parse
from meter import CallMeter

PREFIX = "whsec_"
ATTEMPTS = 6  # our choice: with the waits below about a minute, less than a heartbeat's silence
FIRST_WAIT_SECONDS = 1.0  # our choice; doubles each time, halved at random so that many callers spread
TIMEOUT_SECONDS = 20.0  # our choice: the callback answers within a second

Post = Callable[[str, bytes, dict[str, str]], tuple[int, bytes]]


class Stopped(Exception):  # noqa: N818 - an ending, not an error
    """The work must end now: nobody pays any more (`stopped`), or it has used what was paid for (`deadline`)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unreachable(Exception):  # noqa: N818
    """No answer to a report after all attempts, or one that no repetition mends."""


def signed_headers(message_id: str, body: bytes, now: float, secret: str) -> dict[str, str]:
    """Headers of one attempt. `now`: seconds since 1970; `secret`: `whsec_<base64 of the key>`."""
    if not secret.startswith(PREFIX):
        raise ValueError(
            "the callback secret does not begin with 'whsec_': set RLAIFV_CALLBACK_SECRET to the workers' own"
        )
    stamp = str(int(now))
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def http_post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """One POST; status and body, also of refusals. OSError where there is no answer."""
    request = urllib.request.Request(
        url, data=body, headers={**headers, "content-type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@dataclass(frozen=True)
class Sender:
    """Sends reports of one call. `sleep` and `post` are given for tests."""

    url: str
    secret: str
    post: Post = http_post
    sleep: Callable[[float], None] = time.sleep

    def send(self, report: dict[str, Any]) -> GpuVerdict:
        """Each report has an id of its own, kept through its attempts. Raises Unreachable."""
        body = json.dumps(check("GpuReport", report), separators=(",", ":")).encode()
        message_id = f"msg_{uuid.uuid4().hex}"
        problem = ""
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                self.sleep(FIRST_WAIT_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1))
            try:
                status, answer = self.post(self.url, body, signed_headers(message_id, body, time.time(), self.secret))
            except OSError as error:
                problem = f"no answer ({error})"
                continue
            if 200 <= status < 300:
                return parse(GpuVerdict, json.loads(answer))
            problem = f"status {status}"
            if status < 500 and status not in (408, 409, 425, 429):
                break
        raise Unreachable(
            f"report '{report['type']}' of {report['call']} to {self.url}: {problem}; is the callback deployed?"
        )


class Watch:
    """What the work asks at its checkpoints, and where it tells how far it is."""

    def __init__(self, deadline_seconds: float, meter: CallMeter, total: int) -> None:
        self._deadline = deadline_seconds
        self._meter = meter
        self._progress = (0, total)
        self._refusal: Stopped | None = None

    def progress(self, done: int, total: int) -> None:
        self._progress = (done, total)

    def checkpoint(self) -> None:
        """Raises Stopped when the workers said so or the paid seconds are used up."""
        if self._refusal is not None:
            raise self._refusal
        used = self._meter.seconds()
        if used >= self._deadline:
            raise Stopped("deadline", f"{used:.0f} of {self._deadline} paid GPU seconds used: raise gpu.timeoutSeconds")

    def refuse(self, reason: str | None) -> None:
        self._refusal = Stopped("stopped", reason or "the workers said stop")

    @property
    def told(self) -> dict[str, int]:
        done, total = self._progress
        return {"done": done, "total": total}


@dataclass(frozen=True)
class Call:
    """Who reports about what."""

    job: Job
    provider_id: str
    container: str
    sender: Sender
    meter: CallMeter

    def report(self, kind: str, **more: Any) -> GpuVerdict:
        head = {"type": kind, "call": self.job.call, "providerId": self.provider_id}
        seconds = {} if kind == "started" else {"gpuSeconds": self.meter.seconds()}
        return self.sender.send({**head, **seconds, **more})


@contextlib.contextmanager
def heartbeat(call: Call, total: int) -> Iterator[Watch]:
    """Reports `started`, then a heartbeat in time until the block ends. A refusal raises Stopped, here or at the work's
    next checkpoint; a heartbeat that reaches nobody stops nothing: the workers find dead calls by their silence."""
    watch = Watch(call.job.deadline_seconds, call.meter, total)
    verdict = call.report("started", container=call.container)
    if not verdict.go_on:
        raise Stopped("stopped", verdict.reason or "the workers did not let it start")
    ended = threading.Event()
    thread = threading.Thread(target=_beat, args=(call, watch, ended), daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def _beat(call: Call, watch: Watch, ended: threading.Event) -> None:
    # Half of the allowed silence, so that one that is late or lost breaks no promise.
    while not ended.wait(call.job.heartbeat_seconds / 2):
        try:
            verdict = call.report("heartbeat", progress=watch.told)
        except Unreachable as error:
            print(f"heartbeat lost: {error}", flush=True)
            continue
        if not verdict.go_on:
            watch.refuse(verdict.reason)
            return
