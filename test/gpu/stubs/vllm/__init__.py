"""vLLM 0.26.0 as vllm_engine.py may use it: names and parameters of its documentation, everything else is refused."""

from vllm.sampling_params import SamplingParams
from vllm.testing import Output

__all__ = ["LLM", "SamplingParams"]


class LLM:
    made = None

    def __init__(
        self, model, *, runner="auto", convert="auto", tokenizer=None, tokenizer_mode="auto", skip_tokenizer_init=False,
        trust_remote_code=False, allowed_local_media_path="", allowed_media_domains=None, tensor_parallel_size=1,
        dtype="auto", quantization=None, revision=None, tokenizer_revision=None, chat_template=None, seed=0,
        gpu_memory_utilization=0.9, cpu_offload_gb=0, enforce_eager=False, hf_token=None, hf_overrides=None,
        mm_processor_kwargs=None, enable_prefix_caching=None, enable_lora=False, max_lora_rank=16, max_loras=1,
        max_logprobs=20, limit_mm_per_prompt=None, max_model_len=None, enable_sleep_mode=False,
    ):  # fmt: skip
        assert limit_mm_per_prompt is None, "vLLM: only for multimodal models; the dividers are not"
        self.options = {name: value for name, value in locals().items() if name != "self"}
        self.asked = []
        LLM.made = self

    def chat(
        self, messages, sampling_params=None, use_tqdm=True, lora_request=None, chat_template=None,
        chat_template_content_format="auto", add_generation_prompt=True, continue_final_message=False, tools=None,
        chat_template_kwargs=None, tokenization_kwargs=None, mm_processor_kwargs=None,
    ):  # fmt: skip
        assert len(messages) == len(sampling_params)
        self.asked.append((messages, sampling_params, lora_request))
        return [Output.of(params) for params in sampling_params]
