"""Outputs with the fields that vLLM's have (vllm/outputs.py, vllm/logprobs.py), filled with fixed values."""

from dataclasses import dataclass


@dataclass
class Logprob:
    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


@dataclass
class CompletionOutput:
    index: int
    text: str
    token_ids: list[int]
    cumulative_logprob: float | None
    logprobs: list[dict[int, Logprob]] | None
    finish_reason: str | None = None


@dataclass
class Output:
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    num_cached_tokens: int | None = None

    @staticmethod
    def of(params):
        # Two tokens; the second one was drawn though it is not among the most likely.
        most = {token: Logprob(-1.0 - token, token + 1, f"t{token}") for token in range(params.logprobs or 0)}
        steps = [{**most, 0: Logprob(-1.0, 1, "t0")}, {**most, 99: Logprob(-9.0, 100, "t99")}]
        outputs = [
            CompletionOutput(index, " text ", [0, 99], -10.0, None if params.logprobs is None else steps, "stop")
            for index in reversed(range(params.n))
        ]
        return Output(list(range(600)), outputs, 576)
