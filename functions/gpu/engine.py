"""What a batch asks of a model, whoever runs it: vllm_engine.py on a GPU, transformers_engine.py anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from PIL import Image

# OpenAI bounds nothing by default; a line without `max_tokens` must not run to the end of the context. Our choice.
DEFAULT_MAX_TOKENS = 1024


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    parts: list[str | Image.Image]


@dataclass(frozen=True)
class ChatRequest:
    """One line, its images resolved. Absent fields have OpenAI's defaults."""

    custom_id: str
    messages: list[Message]
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = DEFAULT_MAX_TOKENS
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    # None: no logprobs; else how many alternatives per token, 0 to 20.
    top_logprobs: int | None = None
    json_schema: dict[str, Any] | None = None

    @property
    def images(self) -> list[Image.Image]:
        return [part for message in self.messages for part in message.parts if isinstance(part, Image.Image)]


@dataclass(frozen=True)
class TokenLogprob:
    """Natural logarithms. `top`: the most likely tokens, best first."""

    token: str
    logprob: float
    top: list[tuple[str, float]]


@dataclass(frozen=True)
class Choice:
    text: str
    finish_reason: Literal["stop", "length"]
    logprobs: list[TokenLogprob] | None


@dataclass(frozen=True)
class Completion:
    """`cached_tokens`: prompt tokens that were not computed because an earlier request had the same beginning."""

    choices: list[Choice]
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


@dataclass(frozen=True)
class Refused:
    """This request cannot be answered; others can."""

    code: str
    message: str


class OutOfMemory(Exception):  # noqa: N818
    """The device had no room for so many requests at once."""


class Engine(Protocol):
    # Requests given to `answer` at once to begin with.
    batch_size: int

    def answer(self, requests: list[ChatRequest]) -> Iterator[Completion | Refused]:
        """One item per request, in order. Raises OutOfMemory; then nothing that was not yielded counts."""
        ...
