"""Modal's Python SDK as app.py may use it: names and parameters as the SDK's 1.5 line documents them
(modal.com/docs/sdk/py), everything else is refused. It records what is declared and computes nothing."""

import inspect
from dataclasses import dataclass, field
from typing import Any

KINDS = {"B200", "H200", "H100", "RTX-PRO-6000", "A100-80GB", "A100-40GB", "L40S", "A10", "L4", "T4"}


def _checked_options(given):
    kind, _, count = (given.get("gpu") or "H100:1").partition(":")
    assert kind in KINDS, f"no such GPU: {kind}"
    assert 1 <= int(count or 1) <= 8, "Modal: at most 8 GPUs in one container"
    for name in ("timeout", "startup_timeout"):
        assert 1 <= (given.get(name) or 300) <= 24 * 3600, f"Modal: {name} is 1 s to 24 h"
    assert 2 <= (given.get("scaledown_window") or 60) <= 20 * 60, "Modal: scaledown_window is 2 s to 20 min"
    for path, volume in (given.get("volumes") or {}).items():
        assert path.startswith("/")
        assert isinstance(volume, Volume)
    for secret in given.get("secrets") or []:
        assert isinstance(secret, Secret)
    assert isinstance(given.get("image"), Image)
    return {name: value for name, value in given.items() if value is not None}


class App:
    def __init__(
        self, name: str | None = None, *, tags=None, image=None, secrets=None, volumes=None, include_source=True
    ):
        self.name, self.functions, self.classes = name, {}, {}

    def function(
        self, *, image=None, schedule=None, env=None, secrets=None, gpu=None, serialized=False, volumes=None, cpu=None,
        memory=None, ephemeral_disk=None, min_containers=None, max_containers=None, buffer_containers=None,
        scaledown_window=None, proxy=None, retries=None, timeout=300, startup_timeout=None, name=None,
        is_generator=None, cloud=None, region=None, routing_region=None, nonpreemptible=False,
        enable_memory_snapshot=False,
        block_network=False, restrict_modal_access=False, single_use_containers=False, i6pn=None,
        include_source=None, experimental_options=None,
    ):  # fmt: skip
        options = _checked_options({k: v for k, v in locals().items() if k != "self"})

        def declare(function):
            assert not inspect.isclass(function), "use @app.cls"
            self.functions[name or function.__name__] = (function, options)
            return function

        return declare

    def cls(
        self, *, image=None, env=None, secrets=None, gpu=None, serialized=False, volumes=None, cpu=None, memory=None,
        ephemeral_disk=None, min_containers=None, max_containers=None, buffer_containers=None, scaledown_window=None,
        proxy=None, retries=None, timeout=300, startup_timeout=None, cloud=None, region=None, routing_region=None,
        nonpreemptible=False, enable_memory_snapshot=False, block_network=False, restrict_modal_access=False,
        single_use_containers=False, i6pn=None, include_source=None, experimental_options=None,
    ):  # fmt: skip
        options = _checked_options({k: v for k, v in locals().items() if k != "self"})

        def declare(user):
            assert inspect.isclass(user), "@app.cls wants a class"
            parameters = {n: p for n, p in vars(user).items() if isinstance(p, Parameter)}
            for parameter in parameters:
                assert user.__annotations__[parameter] in (str, int, bool, bytes), (
                    "Modal: parameters are str, int, bool, bytes"
                )
            assert not any(isinstance(v, Decorated) and v.kind == "concurrent" for v in vars(user).values())
            self.classes[user.__name__] = (user, options, parameters)
            return user

        return declare


@dataclass
class Parameter:
    default: Any = ...
    init: bool = True


def parameter(*, default: Any = ..., init: bool = True) -> Any:
    return Parameter(default, init)


@dataclass
class Decorated:
    kind: str
    options: dict[str, Any]
    function: Any

    def __get__(self, instance, owner=None):
        return self.function.__get__(instance, owner) if instance is not None else self


def enter(*, snap: bool = False):
    return lambda function: Decorated("enter", {"snap": snap}, function)


def exit():
    return lambda function: Decorated("exit", {}, function)


def method(*, is_generator: bool | None = None):
    return lambda function: Decorated("method", {}, function)


def web_server(port: int, *, startup_timeout: float = 5.0, label=None, custom_domains=None, requires_proxy_auth=False):
    assert 0 < port < 65536
    return lambda function: Decorated("web_server", {"port": port, "startup_timeout": startup_timeout}, function)


def concurrent(*, max_inputs: int, target_inputs: int | None = None):
    assert target_inputs is None or target_inputs <= max_inputs

    def declare(user):
        assert inspect.isclass(user), "Modal: @modal.concurrent decorates the class, not its methods"
        user.concurrency = (max_inputs, target_inputs)
        return user

    return declare


@dataclass(frozen=True)
class Image:
    steps: tuple = ()
    finished: bool = False

    @staticmethod
    def debian_slim(python_version: str | None = None, force_build: bool = False):
        return Image((("debian_slim", python_version),))

    def _then(self, *step):
        assert not self.finished, "Modal: local files come last"
        return Image((*self.steps, step))

    def uv_pip_install(
        self, *packages, requirements=None, find_links=None, index_url=None, extra_index_url=None, pre=False,
        extra_options="", uv_version=None, force_build=False, env=None, secrets=None, gpu=None,
    ):  # fmt: skip
        for package in packages:
            assert "==" in package, f"{package} is not pinned"
        return self._then("install", packages)

    def env(self, vars: dict[str, str]):
        assert all(isinstance(value, str) for value in vars.values())
        return self._then("env", vars)

    def add_local_dir(self, local_path, remote_path: str, *, copy: bool = False, ignore=()):
        assert remote_path.startswith("/")
        assert local_path.is_dir()
        return Image((*self.steps, ("add", local_path, remote_path)), finished=not copy)


@dataclass
class Volume:
    name: str
    calls: list[str] = field(default_factory=list)

    @staticmethod
    def from_name(name, *, environment_name=None, create_if_missing=False, version=None, read_only=False):
        return Volume(name)

    def commit(self):
        self.calls.append("commit")

    def reload(self):
        self.calls.append("reload")


@dataclass
class Secret:
    name: str
    required_keys: tuple = ()

    @staticmethod
    def from_name(name, *, environment_name=None, required_keys=()):
        return Secret(name, tuple(required_keys))


def current_function_call_id() -> str | None:
    return "fc-1"


def __getattr__(name):
    raise AttributeError(f"the stub of modal knows no {name!r}: look it up in Modal's documentation, then add it")
