"""Loads the weights that a job names: a model of the Hub in one revision, and a checkpoint of a run over it."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal

from bucket import Bucket
from contract import CheckpointManifest, Weights, parse


class WeightsMissing(ValueError):  # noqa: N818
    """A checkpoint that is not there, or not as its manifest says."""


def checkpoint_of(weights: Weights, bucket: Bucket, volume: Path) -> tuple[CheckpointManifest, Path] | None:
    """The checkpoint's manifest and its folder on the volume; None without a checkpoint. Raises WeightsMissing."""
    if weights.checkpoint is None:
        return None
    key = weights.checkpoint.key
    data = bucket.read(key)
    if data is None:
        raise WeightsMissing(f"weights.checkpoint.key {key!r} is not in the bucket: train the round before again")
    if hashlib.sha256(data).hexdigest() != weights.checkpoint.sha256:
        raise WeightsMissing(f"weights.checkpoint.key {key!r} has another hash than the job says: it was overwritten")
    manifest = parse(CheckpointManifest, json.loads(data))
    if manifest.base.model != weights.model:
        raise WeightsMissing(f"{key!r} is a checkpoint of {manifest.base.model!r}, the job says {weights.model!r}")
    for file in manifest.files:
        path = volume / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise WeightsMissing(f"{file.path} of {key!r} is not whole on the volume: train the round before again")
    return manifest, (volume / manifest.files[0].path).parent


def load_model(
    source: str, revision: str, adapter: str | None, method: Literal["full", "lora"], dtype: Any = None
) -> Any:
    """A model ready to be trained by `method`. `source`: name on the Hub or folder; `adapter`: folder of a LoRA
    adapter.

    Full tuning keeps float32 masters: steps of 5e-7 vanish in bfloat16's eight bits. LoRA's base stays in bfloat16.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    # Straight to this process's GPU: eight copies in float32 do not fit into the container's memory.
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    if dtype is None:
        dtype = torch.float32 if method == "full" or not torch.cuda.is_available() else torch.bfloat16
    model = AutoModelForImageTextToText.from_pretrained(
        source, revision=revision or None, dtype=dtype, device_map={"": device}
    )
    if adapter is None:
        return model
    from peft import PeftModel

    wrapped = PeftModel.from_pretrained(model, adapter, is_trainable=method == "lora")
    return wrapped if method == "lora" else wrapped.merge_and_unload()


def weights_id(weights: Weights, source: str) -> str:
    """Names the content of the weights: a commit of the Hub or the files' hash, and the checkpoint's hash."""
    folder = Path(source)
    if folder.is_dir():
        content = "".join(f"{f.name}:{_sha256(f)};" for f in sorted(folder.glob("*.safetensors")))
    else:
        from transformers import AutoConfig

        content = str(AutoConfig.from_pretrained(source, revision=weights.revision or None)._commit_hash)
    checkpoint = weights.checkpoint.sha256 if weights.checkpoint else ""
    return hashlib.sha256(f"{weights.model}\n{content}\n{checkpoint}".encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
