"""Answers an OpenAI batch file: each line gets a reply or an error of its own; the result is written once, whole."""

import hashlib
from collections.abc import Iterator

from PIL import Image

from bucket import Bucket
from canary import check_sight
from contract import BatchJob
from engine import ChatRequest, Completion, Engine, OutOfMemory, Refused
from lines import BadLine, Json, Line, error_line, read_line, reply_line, to_request, usage_of
from preprocess import UnreadableImage, open_image
from reports import Watch

# Images kept decoded. Requests of one image are adjacent, so a few suffice; our choice.
KEPT_IMAGES = 8


class BadInput(ValueError):  # noqa: N818
    """The job names an input that is not there or not what it says."""


def run_batch(job: BatchJob, bucket: Bucket, engine: Engine, watch: Watch) -> Json:
    """Usage of all lines together. Where the output is there already, nothing is computed. Raises BadInput,
    CanaryFailed and Stopped; then nothing is written."""
    made = bucket.read(job.output_key)
    if made is not None:
        return usage_of(made)
    texts = _input(job, bucket)
    if job.canary:
        check_sight(engine)
    replies: list[str | None] = [None] * len(texts)
    asked: dict[int, Line] = {}
    known: set[str] = set()
    for index, text in enumerate(texts):
        line = read_line(text, index + 1)
        if isinstance(line, tuple):
            replies[index] = error_line(line[0], line[1].code, str(line[1]))
        elif line.custom_id in known:
            replies[index] = error_line(
                line.custom_id, "duplicate", f"custom_id {line.custom_id!r} was on a line before"
            )
        else:
            known.add(line.custom_id)
            asked[index] = line
    for index, reply in _replies(by_image(asked), bucket, engine, watch):
        replies[index] = reply
        watch.progress(len(texts) - replies.count(None), len(texts))
    output = "".join(f"{reply}\n" for reply in replies).encode()
    watch.checkpoint()
    bucket.write_once(job.output_key, output)
    return usage_of(output)


def by_image(lines: dict[int, Line]) -> list[tuple[int, Line]]:
    """Lines of the same images side by side, so that the prefix cache holds them; else in the file's order."""
    groups: dict[tuple[str, ...], list[tuple[int, Line]]] = {}
    for index, line in lines.items():
        groups.setdefault(line.images, []).append((index, line))
    return [member for group in groups.values() for member in group]


def _input(job: BatchJob, bucket: Bucket) -> list[str]:
    data = bucket.read(job.input_key)
    if data is None:
        raise BadInput(f"inputKey {job.input_key!r} is not in the bucket: was the batch written before the call?")
    texts = data.decode("utf-8", "replace").removesuffix("\n").split("\n")
    if len(texts) != job.lines:
        raise BadInput(
            f"inputKey {job.input_key!r} has {len(texts)} lines, the job says {job.lines}: it is another file"
        )
    return texts


def _replies(
    ordered: list[tuple[int, Line]], bucket: Bucket, engine: Engine, watch: Watch
) -> Iterator[tuple[int, str]]:
    images = _Images(bucket)
    size = engine.batch_size
    at = 0
    while at < len(ordered):
        watch.checkpoint()
        part = ordered[at : at + size]
        ready: list[tuple[int, Line, ChatRequest]] = []
        for index, line in part:
            try:
                ready.append((index, line, to_request(line, images.get)))
            except BadLine as error:
                yield index, error_line(line.custom_id, error.code, str(error))
            except UnreadableImage as error:
                yield index, error_line(line.custom_id, "bad_image", str(error))
        try:
            answers = _answers(engine, [request for _, _, request in ready])
        except OutOfMemory as error:
            if size > 1:
                size = max(1, min(size, len(part)) // 2)
                print(f"out of memory with {len(part)} requests at once: going on with {size}", flush=True)
                continue
            answers = [Refused("out_of_memory", f"one request alone does not fit ({error}): use a larger GPU")]
        yield from (
            (index, reply_line(line, _said(answer))) for (index, line, _), answer in zip(ready, answers, strict=True)
        )
        at += len(part)


def _answers(engine: Engine, requests: list[ChatRequest]) -> list[Completion | Refused]:
    """A request that the engine does not take (ValueError: too long, for one) is found by halving; the rest goes on."""
    if not requests:
        return []
    try:
        return list(engine.answer(requests))
    except ValueError as error:
        if len(requests) == 1:
            return [Refused("refused_by_engine", str(error))]
    half = len(requests) // 2
    return _answers(engine, requests[:half]) + _answers(engine, requests[half:])


def _said(answer: Completion | Refused) -> Completion | Refused:
    """NaN logprobs are no answer: the model has overflowed on this request."""
    if isinstance(answer, Completion):
        tokens = [token for choice in answer.choices for token in choice.logprobs or []]
        if any(token.logprob != token.logprob for token in tokens):
            return Refused("not_a_number", "the model's logprobs are NaN: load it in another dtype")
    return answer


class _Images:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._kept: dict[str, Image.Image] = {}

    def get(self, sha256: str) -> Image.Image:
        if sha256 not in self._kept:
            data = self._bucket.read(f"blobs/{sha256}")
            if data is None:
                raise BadLine(f"image blob:{sha256} is not in the bucket: was it taken in with the run?", "bad_image")
            if hashlib.sha256(data).hexdigest() != sha256:
                raise BadLine(f"image blob:{sha256} has other bytes than its name says: store it again", "bad_image")
            if len(self._kept) >= KEPT_IMAGES:
                del self._kept[next(iter(self._kept))]
            self._kept[sha256] = open_image(data)
        return self._kept[sha256]
