"""Python and shared/schemas/gpu.ts speak of the same fields, and refuse the same values."""

import copy
import dataclasses
import json
import types
import typing

import pytest

import contract
from examples import BATCH_JOB, MANIFEST, TRAIN_JOB, VERDICT

SHAPES = [
    (contract.BatchJob, BATCH_JOB),
    (contract.GpuTrainJob, TRAIN_JOB),
    (contract.GpuVerdict, VERDICT),
    (contract.CheckpointManifest, MANIFEST),
]


def fields_of(shape):
    """Field names of a dataclass as the contract spells them, with those of the dataclasses inside."""
    if isinstance(shape, types.UnionType):
        return fields_of(typing.get_args(shape)[0])
    if typing.get_origin(shape) is list:
        return fields_of(typing.get_args(shape)[0])
    if not dataclasses.is_dataclass(shape):
        return None
    return {contract._camel(name): fields_of(hint) for name, hint in typing.get_type_hints(shape).items()}


def fields_in(schema):
    """The same of a JSON Schema."""
    for option in schema.get("anyOf", []):
        if option.get("type") == "object":
            return fields_in(option)
    if schema.get("type") == "array":
        return fields_in(schema["items"])
    if "properties" not in schema:
        return None
    return {name: fields_in(part) for name, part in schema["properties"].items()}


@pytest.mark.parametrize(("shape", "example"), SHAPES)
def test_the_dataclass_has_the_fields_of_the_schema(shape, example):
    assert fields_of(shape) == fields_in(contract.schemas()[shape.__name__])


@pytest.mark.parametrize(("shape", "example"), SHAPES)
def test_an_example_is_parsed_and_written_back_unchanged(shape, example):
    assert contract.plain(contract.parse(shape, example)) == example


def test_the_contract_is_the_one_in_the_schemas():
    for name in ("BatchJob", "GpuTrainJob"):
        assert contract.schemas()[name]["properties"]["contract"]["const"] == contract.CONTRACT


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"contract": 2}, "BatchJob.contract is 2: 1 was expected"),
        ({"lines": 0}, "BatchJob.lines is 0: 0 is less than the minimum of 1"),
        ({"deadlineSeconds": "60"}, "BatchJob.deadlineSeconds is \"60\": '60' is not of type 'integer'"),
        ({"surprise": True}, "Additional properties are not allowed ('surprise' was unexpected)"),
        ({"weights": {"model": "", "revision": "", "checkpoint": None}}, 'BatchJob.weights.model is ""'),
        ({"weights": {"model": "m", "revision": "", "checkpoint": {"key": "k"}}}, "'sha256' is a required property"),
    ],
)
def test_a_job_that_breaks_the_contract_is_refused_with_field_value_and_way_out(change, told):
    with pytest.raises(contract.ContractError) as caught:
        contract.parse_job({**BATCH_JOB, **change})
    assert told in str(caught.value)
    assert "deploy workers and GPU app together" in str(caught.value)


@pytest.mark.parametrize("job", [None, [], {"kind": "sing"}, {}])
def test_what_is_no_job_is_refused(job):
    with pytest.raises(contract.ContractError, match=r"job\.kind"):
        contract.parse_job(job)


def test_a_field_that_is_missing_is_told_by_name():
    for name in BATCH_JOB:
        job = copy.deepcopy(BATCH_JOB)
        del job[name]
        with pytest.raises(contract.ContractError, match=name if name != "kind" else "job.kind"):
            contract.parse_job(job)


def test_the_defaults_of_the_settings_fit_the_schema():
    settings = contract.plain(contract.DpoSettings(method="full"))
    assert contract.check("GpuTrainJob", {**TRAIN_JOB, "settings": settings})
    assert json.loads(json.dumps(settings)) == settings
