"""An Engine on plain transformers: any device, no prefix cache, no guided decoding. Slow but exact: the tests' engine,
and a peer that vLLM's answers can be held against.

Every answer has its own random generator, so that a request's answer does not depend on its neighbours in the batch.
"""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from engine import ChatRequest, Choice, Completion, OutOfMemory, Refused, TokenLogprob
from preprocess import encode, prompt_text

# OpenAI's most: `top_logprobs` is 0 to 20.
MOST_LOGPROBS = 20


class TransformersEngine:
    batch_size = 8  # our choice: a 7B model's answers of 512 tokens fit on 24 GB beside the weights

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model.eval()
        self._processor = processor

    def answer(self, requests: list[ChatRequest]) -> Iterator[Completion | Refused]:
        able = [request for request in requests if request.json_schema is None]
        try:
            completions = iter(self._complete(able) if able else [])
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(str(error)) from error
        for request in requests:
            if request.json_schema is None:
                yield next(completions)
            else:
                yield Refused(
                    "unsupported_parameter", "response_format needs the vLLM engine: this one guides no decoding"
                )

    @torch.inference_mode()
    def _complete(self, requests: list[ChatRequest]) -> list[Completion]:
        rows = [(request, index) for request in requests for index in range(request.n)]
        inputs = encode(
            self._processor,
            [prompt_text(self._processor, request.messages) for request, _ in rows],
            [image for request, _ in rows for image in request.images],
        ).to(self._model.device)
        sampler = _RowSampler(rows)
        tokenizer = self._processor.tokenizer
        start = inputs["input_ids"].shape[1]
        output = self._model.generate(
            **inputs,
            do_sample=False,
            max_new_tokens=max(request.max_tokens for request in requests),
            logits_processor=LogitsProcessorList([sampler]),
            stopping_criteria=StoppingCriteriaList([_RowStops(rows, tokenizer, start)]),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        prompt_tokens = inputs["attention_mask"].sum(dim=1).tolist()
        choices = [self._choice(row, output[index, start:].tolist(), index, sampler) for index, row in enumerate(rows)]
        return self._completions(requests, choices, prompt_tokens)

    def _completions(
        self, requests: list[ChatRequest], choices: list[tuple[Choice, int]], prompt_tokens: list[int]
    ) -> list[Completion]:
        completions, at = [], 0
        for request in requests:
            own = choices[at : at + request.n]
            spent = sum(count for _, count in own)
            completions.append(Completion([choice for choice, _ in own], prompt_tokens[at], spent, cached_tokens=0))
            at += request.n
        return completions

    def _choice(
        self, row: tuple[ChatRequest, int], tokens: list[int], index: int, sampler: "_RowSampler"
    ) -> tuple[Choice, int]:
        """The answer of one row, and how many tokens it cost."""
        request, _ = row
        tokenizer = self._processor.tokenizer
        tokens = tokens[: request.max_tokens]
        ended = tokenizer.eos_token_id in tokens
        if ended:
            tokens = tokens[: tokens.index(tokenizer.eos_token_id) + 1]
        text, stopped = _cut(tokenizer.decode(tokens, skip_special_tokens=True), request.stop)
        if stopped:
            tokens = _shortest(tokenizer, tokens, request.stop)
        # The end token is paid for, but it is no part of the text nor of its logprobs.
        visible = [token for token in tokens if token != tokenizer.eos_token_id]
        logprobs = None
        if request.top_logprobs is not None:
            logprobs = sampler.logprobs(index, visible, tokenizer, request.top_logprobs)
        return Choice(text.strip(), "stop" if ended or stopped else "length", logprobs), len(tokens)


class _RowSampler(LogitsProcessor):  # type: ignore[misc]
    """Draws each row's next token and leaves greedy search no other choice; keeps logprobs before temperature."""

    def __init__(self, rows: list[tuple[ChatRequest, int]]) -> None:
        self._rows = rows
        self._generators = [_generator(request, index) for request, index in rows]
        self._steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores.float().cpu()
        self._steps.append(logits.log_softmax(-1))
        chosen = [self._draw(row, logits[row]) for row in range(len(self._rows))]
        forced = torch.full_like(scores, -torch.inf)
        forced[torch.arange(len(chosen)), torch.tensor(chosen)] = 0.0
        return forced

    def logprobs(self, row: int, tokens: list[int], tokenizer: Any, count: int) -> list[TokenLogprob]:
        found = []
        for step, token in zip(self._steps, tokens, strict=False):
            values, ids = step[row].topk(min(count, MOST_LOGPROBS)) if count else (torch.empty(0), torch.empty(0))
            top = [(tokenizer.decode([int(i)]), float(v)) for v, i in zip(values, ids, strict=True)]
            found.append(TokenLogprob(tokenizer.decode([token]), float(step[row, token]), top))
        return found

    def _draw(self, row: int, logits: torch.Tensor) -> int:
        request, _ = self._rows[row]
        if request.temperature == 0:
            return int(logits.argmax())
        probabilities, ids = (logits / request.temperature).softmax(-1).sort(descending=True)
        # Nucleus: the fewest tokens whose mass reaches top_p, the one that reaches it included.
        probabilities[probabilities.cumsum(-1) - probabilities >= request.top_p] = 0.0
        return int(ids[torch.multinomial(probabilities, 1, generator=self._generators[row])])


class _RowStops(StoppingCriteria):  # type: ignore[misc]
    """A row ends at its own `max_tokens` or stop text."""

    def __init__(self, rows: list[tuple[ChatRequest, int]], tokenizer: Any, start: int) -> None:
        self._rows = rows
        self._tokenizer = tokenizer
        self._start = start

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        made = input_ids[:, self._start :]
        done = [
            made.shape[1] >= request.max_tokens or self._stopped(made[row], request.stop)
            for row, (request, _) in enumerate(self._rows)
        ]
        return torch.tensor(done, device=input_ids.device)

    def _stopped(self, tokens: torch.Tensor, stop: list[str]) -> bool:
        return bool(stop) and _cut(self._tokenizer.decode(tokens, skip_special_tokens=True), stop)[1]


def _generator(request: ChatRequest, index: int) -> torch.Generator | None:
    generator = torch.Generator()
    if request.seed is None:
        generator.seed()
    else:
        generator.manual_seed(request.seed + index)
    return generator


def _cut(text: str, stop: list[str]) -> tuple[str, bool]:
    """The text before the first stop text, and whether there was one."""
    found = [position for position in (text.find(each) for each in stop) if position >= 0]
    return (text[: min(found)], True) if found else (text, False)


def _shortest(tokenizer: Any, tokens: list[int], stop: list[str]) -> list[int]:
    """The fewest tokens whose text has the stop text: later ones were padding."""
    for length in range(1, len(tokens)):
        if _cut(tokenizer.decode(tokens[:length], skip_special_tokens=True), stop)[1]:
            return tokens[:length]
    return tokens
