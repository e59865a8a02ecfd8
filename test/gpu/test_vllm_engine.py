"""The translation to vLLM and back, held against a stub with vLLM's signatures. No GPU: what vLLM makes of it is not
tested here."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from contract import Weights
from engine import ChatRequest, Message

pytest.importorskip("torch", reason="PyTorch is not installed")
WEIGHTS = Weights("llava-hf/llava-1.5-7b-hf", "abc", None)
IMAGE = Image.new("RGB", (8, 8), "red")


@pytest.fixture
def vllm(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).with_name("stubs")))
    for name in [each for each in sys.modules if each == "vllm" or each.startswith("vllm.")]:
        monkeypatch.delitem(sys.modules, name)
    import vllm

    yield vllm
    for name in [each for each in sys.modules if each == "vllm" or each.startswith("vllm.")]:
        del sys.modules[name]


def engine_of(checkpoint=None, kind=""):
    from vllm_engine import VllmEngine

    return VllmEngine(WEIGHTS, checkpoint, kind, gpus=2)


def test_a_request_reaches_vllm_with_everything_that_decides_its_answer(vllm):
    schema = {"type": "object"}
    request = ChatRequest(
        "a", [Message("system", ["Be brief."]), Message("user", [IMAGE, "Is it red?"])],
        n=2, temperature=0.7, top_p=0.9, max_tokens=5, seed=3, stop=["\n"], top_logprobs=20, json_schema=schema,
    )  # fmt: skip
    list(engine_of().answer([request]))
    ((messages, params, lora),) = vllm.LLM.made.asked
    assert messages == [
        [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "content": [{"type": "image_pil", "image_pil": IMAGE}, {"type": "text", "text": "Is it red?"}],
            },
        ]
    ]
    structured = vllm.sampling_params.StructuredOutputsParams(json=schema)
    assert params == [
        vllm.SamplingParams(
            n=2,
            temperature=0.7,
            top_p=0.9,
            top_k=0,
            max_tokens=5,
            seed=3,
            stop=["\n"],
            logprobs=20,
            structured_outputs=structured,
        )
    ]
    assert lora is None


def test_an_answer_comes_back_with_logprobs_in_order_and_cached_tokens(vllm):
    (answer,) = engine_of().answer([ChatRequest("a", [Message("user", ["x"])], n=2, top_logprobs=3)])
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cached_tokens) == (600, 4, 576)
    assert [choice.text for choice in answer.choices] == ["text", "text"]
    first, second = answer.choices[0].logprobs
    assert first.top == [("t0", -1.0), ("t1", -2.0), ("t2", -3.0)]
    assert (second.token, second.logprob) == ("t99", -9.0)
    assert len(second.top) == 3


def test_the_prefix_cache_is_on_and_the_model_is_pinned(vllm):
    engine_of()
    options = vllm.LLM.made.options
    assert options["enable_prefix_caching"] is True
    assert (options["model"], options["revision"]) == ("llava-hf/llava-1.5-7b-hf", "abc")
    assert options["tensor_parallel_size"] == 2
    assert options["enable_lora"] is False


def test_a_checkpoint_of_all_weights_takes_the_models_place(vllm, tmp_path):
    engine_of(tmp_path, "full")
    assert (vllm.LLM.made.options["model"], vllm.LLM.made.options["revision"]) == (str(tmp_path), None)


def test_an_adapter_goes_over_the_model_in_every_request(vllm, tmp_path):
    list(engine_of(tmp_path, "lora").answer([ChatRequest("a", [Message("user", ["x"])])]))
    assert vllm.LLM.made.options["enable_lora"] is True
    assert vllm.LLM.made.options["max_lora_rank"] == 64
    lora = vllm.LLM.made.asked[0][2]
    assert (lora.lora_int_id, lora.lora_path) == (1, str(tmp_path))


def test_requests_without_logprobs_get_none(vllm):
    (answer,) = engine_of().answer([ChatRequest("a", [Message("user", ["x"])])])
    assert answer.choices[0].logprobs is None
