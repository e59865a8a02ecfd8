"""The Modal app `rlaifv`: declares what runs on what, and forwards. `modal deploy functions/gpu/app.py`.

Names are those that the TypeScript side looks up: `Batch` (parameters model, revision, checkpoint; method `run`),
`train_dpo`, `contract`, `Serve`. GPU kind, time-out and the number of containers are overridden by each call
(`withOptions`), what stands here is for a call without them. Secrets, made once with `modal secret create`:

- `rlaifv`: RLAIFV_BUCKET, RLAIFV_ROLE_ARN, AWS_REGION, RLAIFV_CALLBACK_SECRET (the workers' CallbackSecret)
- `rlaifv-serve`: RLAIFV_SERVE_KEY, RLAIFV_SERVE_MODEL, and RLAIFV_SERVE_REVISION if the model is pinned

No memory snapshots: a container's start is weights and CUDA graphs, and snapshots of GPU memory are in alpha.
"""

import time

STARTED = time.monotonic()  # as near to the container's start as Python can be; before the heavy imports

import subprocess  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import modal  # noqa: E402

MINUTES = 60  # seconds
HOURS = 60 * MINUTES
IDLE_SECONDS = (
    120  # our choice: a shard's next batch comes within a minute, and loading 7B costs more than two idle ones
)
PYTHON = "3.12"  # the newest that all pinned packages have wheels for
HERE = Path(__file__).parent
MODELS, CACHE, CHECKPOINTS = Path("/models"), Path("/cache"), Path("/checkpoints")

CORES, MEMORY = 8.0, 64 * 1024  # shared/budget/prices.ts, CONTAINER_PRICE: cores and MiB that money is reserved for

COMMON = ["boto3==1.43.107", "jsonschema==4.25.1", "pillow==12.3.0"]
VLLM = "vllm==0.26.0"
TRAINING = [
    "torch==2.13.0",
    "transformers==5.18.0",
    "trl==1.13.0",
    "peft==0.21.0",
    "accelerate==1.15.0",
    "datasets==5.0.1",
    "pyarrow==25.0.1",
]
# vLLM brings it too; without it transformers would scale pictures in another way than there. Its wheel wants CUDA, so
# the tests on the CPU run without.
SCALING = "torchvision==0.28.0"
ENVIRONMENT = {"HF_HOME": str(MODELS), "VLLM_CACHE_ROOT": str(CACHE), "VLLM_NO_USAGE_STATS": "1"}


def _image(*packages: str) -> modal.Image:
    base = modal.Image.debian_slim(python_version=PYTHON).uv_pip_install(*packages, *COMMON).env(ENVIRONMENT)
    return base.add_local_dir(HERE, "/root", ignore=["**/__pycache__", "**/.*"])


batch_image, training_image, light_image = _image(VLLM), _image(*TRAINING, SCALING), _image()
volumes = {
    str(MODELS): modal.Volume.from_name("rlaifv-models", create_if_missing=True),
    str(CACHE): modal.Volume.from_name("rlaifv-cache", create_if_missing=True),
    str(CHECKPOINTS): (checkpoints := modal.Volume.from_name("rlaifv-checkpoints", create_if_missing=True)),
}
keys = ["RLAIFV_BUCKET", "RLAIFV_ROLE_ARN", "AWS_REGION", "RLAIFV_CALLBACK_SECRET"]
secret = modal.Secret.from_name("rlaifv", required_keys=keys)
serve_secret = modal.Secret.from_name("rlaifv-serve", required_keys=["RLAIFV_SERVE_KEY", "RLAIFV_SERVE_MODEL"])

app = modal.App("rlaifv")


@app.cls(
    image=batch_image,
    cpu=CORES,
    memory=MEMORY,
    gpu="H100",  # shared/schemas/config.ts: one H100 where a model names no GPU
    volumes=volumes,
    secrets=[secret],
    timeout=1 * HOURS,  # shared/schemas/config.ts, gpu.timeoutSeconds
    startup_timeout=10 * MINUTES,  # our choice: imports only, weights are loaded by the first job
    scaledown_window=IDLE_SECONDS,
    max_containers=8,  # shared/schemas/config.ts: below the ten GPUs of Modal's smallest plan
    retries=0,  # the workers try again, under another name and with money reserved
)
class Batch:
    """Answers batches with one model, one job at a time: the engine fills the GPU, and the bill knows whose it is."""

    # They keep the containers of different weights apart; what is loaded, with its hash, the job says.
    model: str = modal.parameter()
    revision: str = modal.parameter(default="")
    checkpoint: str = modal.parameter(default="")

    @modal.enter()
    def start(self) -> None:
        checkpoints.reload()  # before any of its files is open: afterwards Modal refuses
        self.container = _container(IDLE_SECONDS, self._load)

    @modal.method()
    def run(self, job: dict[str, Any]) -> dict[str, str]:
        return self.container.carry_out(job, modal.current_function_call_id() or "")

    def _load(self, weights: Any, checkpoint: Path | None, kind: str) -> Any:
        from vllm_engine import VllmEngine

        return VllmEngine(weights, checkpoint, kind, _gpus())


@app.function(
    image=training_image,
    cpu=CORES,
    memory=MEMORY,
    gpu="H100:8",  # shared/schemas/config.ts: eight H100 where `train` names no GPU; RLAIF-V trained on eight A100
    volumes=volumes,
    secrets=[secret],
    timeout=24 * HOURS,  # Modal's longest
    startup_timeout=10 * MINUTES,
    max_containers=2,  # our choice: two runs at once, sixteen GPUs
    retries=0,  # after a preemption Modal starts the same input again, and it goes on from its newest checkpoint
    single_use_containers=True,  # nothing of a training is worth keeping warm
)
def train_dpo(job: dict[str, Any]) -> dict[str, str]:
    checkpoints.reload()
    return _container(0, _no_engine).carry_out(job, modal.current_function_call_id() or "")


@app.function(image=light_image, timeout=1 * MINUTES)
def contract() -> dict[str, Any]:
    """What is deployed: asked by the workers before they spend anything."""
    from contract import CONTRACT

    pinned = [VLLM, *TRAINING, SCALING, *COMMON]
    return {"contract": CONTRACT, "versions": dict(each.split("==") for each in pinned)}


@app.cls(
    image=batch_image,
    cpu=CORES,
    memory=MEMORY,
    gpu="H100",
    volumes=volumes,
    secrets=[serve_secret],
    timeout=1 * HOURS,
    startup_timeout=20 * MINUTES,  # our choice: the first start downloads the weights
    scaledown_window=5 * MINUTES,  # our choice: people pause between questions
    min_containers=0,  # scales to zero: the first question after a pause waits for a cold start
    max_containers=2,
)
@modal.concurrent(
    max_inputs=64, target_inputs=32
)  # our choice: vLLM batches what comes at once; more wait in its queue
class Serve:
    @modal.web_server(port=8000, startup_timeout=20 * MINUTES)
    def serve(self) -> None:
        import serve

        checkpoints.reload()
        subprocess.Popen(serve.command(CHECKPOINTS, _gpus()), env=serve.environment())


def _container(idle_seconds: float, load: Any) -> Any:
    """What the functions forward to; `idle_seconds`: how long the container will wait for more before its end."""
    import os

    from bucket import s3_from_environment
    from environment import required
    from meter import ContainerMeter
    from train_dpo import Place
    from work import Container

    return Container(
        name=os.environ.get("MODAL_TASK_ID", ""),
        bucket=s3_from_environment(),
        place=Place(CHECKPOINTS, _gpus(), checkpoints.commit),
        meter=ContainerMeter(STARTED, idle_seconds),
        secret=required("RLAIFV_CALLBACK_SECRET"),
        load=load,
    )


def _no_engine(*_: Any) -> Any:
    raise ValueError("train_dpo takes no batches: spawn Batch.run")


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()
