"""What workers and GPU functions say to each other: shared/schemas/gpu.ts, mirrored.

`contract.schema.json` beside this file is made from those schemas (`npm run gpu:contract`) and is what values are
checked against, both on the way in and on the way out; the dataclasses only name the fields.
`test/gpu/test_contract.py` fails when the two differ.
"""

import dataclasses
import functools
import json
import re
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

CONTRACT = 1

T = TypeVar("T")


class ContractError(ValueError):
    """A value that breaks the contract; the message names field, value and the way out."""


@dataclasses.dataclass(frozen=True)
class CheckpointRef:
    key: str
    sha256: str


@dataclasses.dataclass(frozen=True)
class Weights:
    model: str
    revision: str
    checkpoint: CheckpointRef | None


@dataclasses.dataclass(frozen=True)
class BatchJob:
    kind: Literal["batch"]
    contract: int
    call: str
    weights: Weights
    callback_url: str
    heartbeat_seconds: int
    deadline_seconds: int
    input_key: str
    output_key: str
    lines: int
    canary: bool


@dataclasses.dataclass(frozen=True)
class DpoSettings:
    method: Literal["full", "lora"]
    # Defaults are RLAIF-V's own (its training scripts; shared/schemas/config.ts has the same).
    beta: float = 0.1  # --dpo_beta 0.1
    learning_rate: float = 5e-7  # full tuning; its LoRA script has 1e-5
    epochs: float = 4.0  # max_steps 2672 at 668 steps per epoch
    batch_pairs: int = 8  # 1 pair × 1 step × 8 GPUs
    dpo_weight: float = 1.0  # DPO_weight
    sft_weight: float = 0.0  # SFT_weight; here it weighs the mean per token (PAPER.md §2)
    warmup_share: float = 0.05  # --warmup_ratio 0.05
    checkpoints_per_epoch: int = 4  # save_steps 167 of 668


@dataclasses.dataclass(frozen=True)
class GpuTrainJob:
    kind: Literal["train"]
    contract: int
    call: str
    weights: Weights
    callback_url: str
    heartbeat_seconds: int
    deadline_seconds: int
    name: str
    pairs_key: str
    pairs: int
    output_prefix: str
    result_key: str
    seed: int
    settings: DpoSettings


@dataclasses.dataclass(frozen=True)
class GpuVerdict:
    go_on: bool
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class CheckpointFile:
    path: str
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class CheckpointBase:
    model: str
    revision: str


@dataclasses.dataclass(frozen=True)
class CheckpointManifest:
    format: Literal["full", "lora"]
    base: CheckpointBase
    files: list[CheckpointFile]


Job = BatchJob | GpuTrainJob


def parse(shape: type[T], value: Any) -> T:
    """A value from outside as the dataclass `shape`, checked against the schema of the same name."""
    check(shape.__name__, value)
    return typing.cast(T, _build(shape, value))


def parse_job(value: Any) -> Job:
    """Either job. Raises ContractError, also for a job of another contract."""
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in ("batch", "train"):
        raise ContractError(f"job.kind is {kind!r}: expected 'batch' or 'train'; deploy workers and GPU app together")
    return parse(BatchJob, value) if kind == "batch" else parse(GpuTrainJob, value)


def plain(value: Any) -> Any:
    """A dataclass as the JSON that the contract wants; absent optional fields are left out of verdicts only."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = {_camel(field.name): plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {name: v for name, v in pairs.items() if not (name == "reason" and v is None)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def check(name: str, value: Any) -> Any:
    """The value itself when it fits the schema `name`; else ContractError."""
    error = best_match(_validator(name).iter_errors(value))
    if error is None:
        return value
    field = ".".join([name, *map(str, error.absolute_path)])
    raise ContractError(f"{field} is {_short(error.instance)}: {error.message}; deploy workers and GPU app together")


@functools.cache
def schemas() -> dict[str, Any]:
    """JSON Schemas by name; raises where the file is of another contract than this code."""
    document = json.loads(Path(__file__).with_name("contract.schema.json").read_text("utf-8"))
    if document["contract"] != CONTRACT:
        raise ContractError(
            f"contract.schema.json has contract {document['contract']}, not {CONTRACT}: npm run gpu:contract"
        )
    return typing.cast(dict[str, Any], document["schemas"])


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schemas()[name])


def _build(shape: Any, value: Any) -> Any:
    if isinstance(shape, types.UnionType):
        return None if value is None else _build(typing.get_args(shape)[0], value)
    if typing.get_origin(shape) is list:
        return [_build(typing.get_args(shape)[0], item) for item in value]
    if not dataclasses.is_dataclass(shape):
        return float(value) if shape is float else value
    hints = typing.get_type_hints(shape)
    given = {name: value[_camel(name)] for name in hints if _camel(name) in value}
    return shape(**{name: _build(hints[name], part) for name, part in given.items()})  # type: ignore[operator]


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:77]}…"
