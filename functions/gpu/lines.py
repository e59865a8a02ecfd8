"""Lines of OpenAI's batch files: in as requests, out as replies. Pure.

https://platform.openai.com/docs/guides/batch; the fields are those of shared/schemas/chat.ts.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from engine import DEFAULT_MAX_TOKENS, ChatRequest, Completion, Message, Refused

BLOB = re.compile(r"blob:([0-9a-f]{64})")
MOST_TOP_LOGPROBS = 20  # OpenAI's bound
MOST_CHOICES = 128  # OpenAI's bound
MOST_STOPS = 4  # OpenAI's bound
SEEDS = (-(2**63), 2**63 - 1)  # what torch and vLLM take

Json = dict[str, Any]


class BadLine(ValueError):  # noqa: N818
    """This line cannot be asked; the message names field, value and the way out."""

    def __init__(self, message: str, code: str = "bad_line") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Line:
    """`images`: SHA-256 of each image, in order."""

    custom_id: str
    body: Json
    images: tuple[str, ...]


def read_line(text: str, number: int) -> Line | tuple[str, BadLine]:
    """A line, or why it is none beside its `custom_id` as far as it has one. `number` counts from 1."""
    custom_id = ""
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise BadLine(f"line {number} is {text[:40]!r}: expected a JSON object")
        custom_id = _field(value, "custom_id", str, number)
        for name, wanted in (("method", "POST"), ("url", "/v1/chat/completions")):
            if value.get(name) != wanted:
                raise BadLine(f"line {number}: {name} is {value.get(name)!r}, expected {wanted!r}")
        body = _field(value, "body", dict, number)
        _field(body, "model", str, number)
        return Line(custom_id, body, _images(body, number))
    except (ValueError, RecursionError) as error:
        bad = (
            error
            if isinstance(error, BadLine)
            else BadLine(f"line {number} is no JSON ({error}): write one object a line")
        )
        return custom_id, bad


def to_request(line: Line, image: Callable[[str], Image.Image]) -> ChatRequest:
    """The request with its images; raises BadLine, and whatever `image` raises."""
    body = line.body
    top = _whole(body, "top_logprobs", (0, MOST_TOP_LOGPROBS), 0)
    return ChatRequest(
        custom_id=line.custom_id,
        messages=[_message(message, image) for message in body["messages"]],
        n=_whole(body, "n", (1, MOST_CHOICES), 1),
        temperature=float(_number(body, "temperature", (0, 2), 1.0)),
        top_p=float(_number(body, "top_p", (1e-6, 1), 1.0)),
        max_tokens=_whole(body, "max_tokens", (1, 1_000_000), DEFAULT_MAX_TOKENS),
        seed=_whole(body, "seed", SEEDS, 0) if "seed" in body else None,
        stop=_stop(body),
        top_logprobs=top if body.get("logprobs") else None,
        json_schema=_json_schema(body),
    )


def reply_line(line: Line, answer: Completion | Refused) -> str:
    """A line of the output file."""
    if isinstance(answer, Refused):
        return error_line(line.custom_id, answer.code, answer.message)
    request_id = _request_id(line.custom_id)
    body = {
        "id": f"chatcmpl-{request_id}",
        "object": "chat.completion",
        "created": 0,  # no clock: the same batch gives the same bytes
        "model": line.body["model"],
        "choices": [_choice(index, choice) for index, choice in enumerate(answer.choices)],
        "usage": usage(answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens),
    }
    response = {"status_code": 200, "request_id": request_id, "body": body}
    return _dump({"id": f"batch_req_{request_id}", "custom_id": line.custom_id, "response": response, "error": None})


def error_line(custom_id: str, code: str, message: str) -> str:
    error = {"code": code, "message": message}
    return _dump(
        {"id": f"batch_req_{_request_id(custom_id)}", "custom_id": custom_id, "response": None, "error": error}
    )


def usage(prompt: int, completion: int, cached: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def usage_of(output: bytes) -> Json:
    """All lines of an output file together."""
    prompt = completion = cached = 0
    for text in output.splitlines():
        response = json.loads(text)["response"]
        spent = response["body"]["usage"] if response else usage(0, 0, 0)
        prompt += spent["prompt_tokens"]
        completion += spent["completion_tokens"]
        cached += spent["prompt_tokens_details"]["cached_tokens"]
    return usage(prompt, completion, cached)


def _images(body: Json, number: int) -> tuple[str, ...]:
    messages = _field(body, "messages", list, number)
    if not messages:
        raise BadLine(f"line {number}: messages is empty: ask something")
    found = []
    for message in messages:
        content = _field(message, "content", (str, list), number) if isinstance(message, dict) else None
        if content is None or message.get("role") not in ("system", "user", "assistant"):
            raise BadLine(f"line {number}: a message has no role of system, user or assistant")
        found += [_blob(part, number) for part in content if isinstance(content, list) and _is_image(part, number)]
    return tuple(found)


def _is_image(part: Any, number: int) -> bool:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text" and isinstance(part.get("text"), str):
        return False
    if kind != "image_url" or not isinstance(part.get("image_url"), dict):
        raise BadLine(f"line {number}: content has a part of type {kind!r}: only text and image_url are known")
    return True


def _blob(part: Json, number: int) -> str:
    url = str(part["image_url"].get("url"))
    match = BLOB.fullmatch(url)
    if match is None:
        told = url if len(url) <= 60 else f"{url[:57]}…"
        raise BadLine(
            f"line {number}: image_url {told!r} is refused: only blob:<sha256> of the run's bucket", "bad_image"
        )
    return match[1]


def _message(message: Json, image: Callable[[str], Image.Image]) -> Message:
    content = message["content"]
    if isinstance(content, str):
        return Message(message["role"], [content])
    return Message(
        message["role"], [part["text"] if part["type"] == "text" else image(_blob(part, 0)) for part in content]
    )


def _json_schema(body: Json) -> Json | None:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema")
        if isinstance(schema, dict):
            return schema
    raise BadLine(f"response_format is {str(wanted)[:60]!r}: expected type json_schema with a schema")


def _stop(body: Json) -> list[str]:
    stop = body.get("stop", [])
    texts = [stop] if isinstance(stop, str) else stop
    if not isinstance(texts, list) or len(texts) > MOST_STOPS or not all(isinstance(t, str) and t for t in texts):
        raise BadLine(f"stop is {str(stop)[:60]!r}: expected a text, or up to {MOST_STOPS}")
    return texts


def _whole(body: Json, name: str, bounds: tuple[int, int], default: int) -> int:
    value = _number(body, name, bounds, default)
    if not isinstance(value, int):
        raise BadLine(f"{name} is {value!r}: expected a whole number")
    return value


def _number(body: Json, name: str, bounds: tuple[float, float], default: float) -> float:
    value = body.get(name, default)
    lowest, highest = bounds
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise BadLine(f"{name} is {value!r}: expected a number from {lowest:g} to {highest:g}")
    return value


def _field(value: Json, name: str, kind: Any, number: int) -> Any:
    found = value.get(name)
    if not isinstance(found, kind):
        wanted = "/".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadLine(f"line {number}: {name} is {str(found)[:40]!r}, expected {wanted}")
    return found


def _choice(index: int, choice: Any) -> Json:
    told = None
    if choice.logprobs is not None:
        content = [
            {"token": t.token, "logprob": t.logprob, "top_logprobs": [{"token": a, "logprob": b} for a, b in t.top]}
            for t in choice.logprobs
        ]
        told = {"content": content}
    message = {"role": "assistant", "content": choice.text}
    return {"index": index, "finish_reason": choice.finish_reason, "message": message, "logprobs": told}


def _request_id(custom_id: str) -> str:
    return hashlib.sha256(custom_id.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _dump(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
