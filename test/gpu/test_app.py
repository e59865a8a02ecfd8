"""What the Modal app declares, held against a strict stub of Modal, and what it forwards to."""

import importlib
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

import contract as contract_module
from support import ROOT

STUBS = Path(__file__).with_name("stubs")


@pytest.fixture
def app(monkeypatch):
    monkeypatch.syspath_prepend(str(STUBS))
    for name in ("modal", "app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("app")
    yield module
    for name in ("modal", "app"):
        sys.modules.pop(name, None)


def test_the_names_are_those_that_the_typescript_side_looks_up(app):
    assert app.app.name == "rlaifv"
    assert set(app.app.functions) == {"train_dpo", "contract"}
    assert set(app.app.classes) == {"Batch", "Serve"}
    batch, _, parameters = app.app.classes["Batch"]
    assert list(parameters) == ["model", "revision", "checkpoint"]
    assert list(inspect.signature(vars(batch)["run"].function).parameters) == ["self", "job"]
    assert list(inspect.signature(app.train_dpo).parameters) == ["job"]


def test_every_package_is_pinned_and_the_code_comes_last(app):
    # The stub refuses packages without a version, and steps after local files.
    for image in (app.batch_image, app.training_image):
        installed = [step[1] for step in image.steps if step[0] == "install"]
        assert len(installed) == 1
        assert image.steps[-1][0] == "add"
        assert image.steps[-1][1] == Path(app.__file__).parent


def test_the_pins_are_the_versions_that_the_tests_run_with(app):
    lines = Path(app.__file__).with_name("requirements-test.txt").read_text("utf-8").splitlines()
    tested = {line.split("==")[0]: line for line in lines if "==" in line}
    for package in [*app.TRAINING, *app.COMMON]:
        assert tested[package.split("==")[0]] == package


def test_containers_that_cost_much_scale_to_zero_and_have_bounds(app):
    declared = [options for _, options in app.app.functions.values()]
    declared += [options for _, options, _ in app.app.classes.values()]
    for options in declared:
        assert options.get("min_containers", 0) == 0
        if "gpu" in options:
            assert options["max_containers"] >= 1
            assert "/checkpoints" in options["volumes"]


def test_containers_have_the_cores_and_memory_that_money_is_reserved_for(app):
    prices = (ROOT / "shared" / "budget" / "prices.ts").read_text("utf-8")
    cores, gibibytes = re.search(r"CONTAINER_PRICE = (\d+) \* [\d.]+ \+ (\d+) \*", prices).groups()
    declared = [options for _, options in app.app.functions.values()]
    declared += [options for _, options, _ in app.app.classes.values()]
    sizes = {(options["cpu"], options["memory"]) for options in declared if "gpu" in options}
    assert sizes == {(int(cores), int(gibibytes) * 1024)}


def test_nobody_but_the_workers_tries_again(app):
    options = [app.app.functions["train_dpo"][1], app.app.classes["Batch"][1]]
    assert [each["retries"] for each in options] == [0, 0]


def test_the_idle_time_that_is_billed_is_the_one_that_is_declared(app):
    assert app.app.classes["Batch"][1]["scaledown_window"] == app.IDLE_SECONDS
    assert app.app.functions["train_dpo"][1]["single_use_containers"] is True


def test_contract_tells_what_is_deployed(app):
    told = app.contract()
    assert told["contract"] == contract_module.CONTRACT
    assert told["versions"]["trl"] == "1.13.0"
    assert told["versions"]["vllm"] == app.VLLM.split("==")[1]
    assert len(json.dumps(told)) < 8192  # what Modal returns inline


def test_the_stub_refuses_what_modal_does_not_know(app):
    modal = sys.modules["modal"]
    with pytest.raises(TypeError, match="unexpected keyword"):
        modal.App("x").function(image=app.batch_image, gpus=2)
    with pytest.raises(AttributeError, match="knows no 'Stub'"):
        _ = modal.Stub
    with pytest.raises(AssertionError, match="not pinned"):
        modal.Image.debian_slim().uv_pip_install("torch")
