"""An Engine on vLLM's offline `LLM` (vllm 0.26.0, docs.vllm.ai/en/v0.26.0/api/vllm/entrypoints/llm): one call of `chat`
for many requests, with the prefix cache that makes the second question about an image cheap.

It only translates. It has not run on a GPU in this project's tests: they hold it against a stub with vLLM's signatures.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from contract import Weights
from engine import ChatRequest, Choice, Completion, OutOfMemory, Refused, TokenLogprob

MEMORY_SHARE = 0.9  # vLLM's default: of the GPU, for weights and cache
LORA_RANK = 64  # RLAIF-V's; vLLM reserves room for this rank and refuses a higher one
MOST_LOGPROBS = 20  # OpenAI's most, and vLLM's default bound


class VllmEngine:
    # vLLM schedules what it is given itself. So many at once keep it full, and it is asked about stopping once a minute
    # or so; our choice.
    batch_size = 512

    def __init__(self, weights: Weights, checkpoint: Path | None, kind: str, gpus: int) -> None:
        """`checkpoint`: folder of the round's weights, `kind` `full` or `lora`; None: the model of the Hub as it is."""
        from vllm import LLM
        from vllm.lora.request import LoRARequest

        whole = checkpoint is not None and kind == "full"
        adapter = checkpoint if kind == "lora" else None
        self._llm = LLM(
            model=str(checkpoint) if whole else weights.model,
            revision=None if whole else weights.revision or None,
            tensor_parallel_size=max(1, gpus),
            dtype="bfloat16",
            gpu_memory_utilization=MEMORY_SHARE,
            enable_prefix_caching=True,
            enable_lora=adapter is not None,
            max_lora_rank=LORA_RANK,
            max_logprobs=MOST_LOGPROBS,
            # No limit_mm_per_prompt: vLLM refuses it for models without pictures, such as the dividers.
        )
        # Lora ids count from 1; a container has one.
        self._lora = None if adapter is None else LoRARequest("checkpoint", 1, str(adapter))

    def answer(self, requests: list[ChatRequest]) -> Iterator[Completion | Refused]:
        import torch

        try:
            outputs = self._llm.chat(
                [_messages(request) for request in requests],
                [_sampling(request) for request in requests],
                use_tqdm=False,
                lora_request=self._lora,
            )
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(str(error)) from error
        for request, output in zip(requests, outputs, strict=True):
            yield _completion(request, output)


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    return [{"role": m.role, "content": [_part(part) for part in m.parts]} for m in request.messages]


def _part(part: str | Image.Image) -> dict[str, Any]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image_pil", "image_pil": part}


def _sampling(request: ChatRequest) -> Any:
    """All that decides an answer is named: what is left out would come from the model's generation config."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    schema = request.json_schema
    return SamplingParams(
        n=request.n,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=0,
        seed=request.seed,
        max_tokens=request.max_tokens,
        stop=request.stop or None,
        logprobs=request.top_logprobs,
        structured_outputs=None if schema is None else StructuredOutputsParams(json=schema),
    )


def _completion(request: ChatRequest, output: Any) -> Completion:
    choices = [_choice(request, each) for each in sorted(output.outputs, key=lambda each: each.index)]
    return Completion(
        choices,
        prompt_tokens=len(output.prompt_token_ids),
        completion_tokens=sum(len(each.token_ids) for each in output.outputs),
        cached_tokens=output.num_cached_tokens or 0,
    )


def _choice(request: ChatRequest, output: Any) -> Choice:
    logprobs = None
    if request.top_logprobs is not None:
        steps = zip(output.token_ids, output.logprobs, strict=True)
        logprobs = [_token(token, found, request.top_logprobs) for token, found in steps]
    return Choice(output.text.strip(), "stop" if output.finish_reason == "stop" else "length", logprobs)


def _token(token: int, found: dict[int, Any], count: int) -> TokenLogprob:
    """vLLM adds the drawn token where it is not among the most likely ones; OpenAI's list has no more than asked."""
    best = sorted(found.values(), key=lambda each: -each.logprob)[:count]
    top = [(each.decoded_token or "", each.logprob) for each in best]
    return TokenLogprob(found[token].decoded_token or "", found[token].logprob, top)
