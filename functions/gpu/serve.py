"""The OpenAI-compatible server for chat: vLLM's own (`vllm serve`, vllm 0.26.0), with the base model and every LoRA
checkpoint on the volume by its name.

A cold start is: container, `vllm serve` imports, weights from the volume (14 GB for 7B), CUDA graphs from the cache
volume. vLLM's sleep mode with Modal's memory snapshots would skip most of it, and is not used: GPU snapshots are in
alpha, and sleeping needs vLLM's development endpoints, which its API key does not guard. Whoever wants no cold start
keeps one container (`min_containers` in app.py) and pays for it.
"""

import os
from pathlib import Path

from environment import required

PORT = 8000  # vLLM's default
MEMORY_SHARE = "0.9"  # vLLM's default
LORA_RANK = "64"  # RLAIF-V's
LORAS_AT_ONCE = "8"  # adapters kept on the GPU; our choice: a run compares few at a time


def adapters(volume: Path) -> dict[str, str]:
    """Name a chat asks for (`<round>-s28`) to folder, of every LoRA checkpoint that is whole."""
    found = {}
    for config in sorted(volume.glob("*/s*/adapter_config.json")):
        folder = config.parent
        if folder.with_suffix(".json").exists():
            found[f"{folder.parent.name}-{folder.name}"] = str(folder)
    return found


def source(volume: Path, model: str) -> str:
    """A checkpoint of all weights by its name, else a model of the Hub."""
    round_name, _, step = model.rpartition("-")
    folder = volume / round_name / step
    return str(folder) if round_name and (folder / "config.json").exists() else model


def command(volume: Path, gpus: int) -> list[str]:
    """The server's command line; the key is not on it, but in `environment`."""
    model = required("RLAIFV_SERVE_MODEL")
    revision = os.environ.get("RLAIFV_SERVE_REVISION", "")
    path = source(volume, model)
    loras = adapters(volume)
    words = ["vllm", "serve", path, "--served-model-name", model, "--host", "0.0.0.0", "--port", str(PORT)]
    words += ["--dtype", "bfloat16", "--tensor-parallel-size", str(max(1, gpus)), "--enable-prefix-caching"]
    words += ["--gpu-memory-utilization", MEMORY_SHARE]
    if revision and path == model:
        words += ["--revision", revision]
    if loras:
        words += ["--enable-lora", "--max-lora-rank", LORA_RANK, "--max-loras", LORAS_AT_ONCE, "--lora-modules"]
        words += [f"{name}={folder}" for name, folder in loras.items()]
    return words


def environment() -> dict[str, str]:
    return {**os.environ, "VLLM_API_KEY": required("RLAIFV_SERVE_KEY")}
