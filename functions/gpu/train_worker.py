"""The training itself, one process per GPU, on TRL's DPOTrainer. Started by train_dpo.py with a folder that holds all
it needs; it leaves checkpoints on the volume and `metrics.jsonl` and `reference.json` in that folder, and knows no
bucket.

Why TRL's trainer is subclassed (trl 1.13.0): it refuses `precompute_ref_log_probs` for datasets with images, and its
image collator tokenises answers apart from their prompt and leaves out the end token where the template does. So pairs
come tokenised (pairs.py), the collator adds the pictures, and the reference's logprobs are kept by the project. Loss,
sampler, schedule, metrics and resuming are TRL's and transformers' own.
"""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, concatenate_datasets
from peft import LoraConfig
from torch.utils.data import DataLoader
from transformers import AutoProcessor, TrainerCallback, set_seed
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from checkpoints import STATE, complete, newest_state
from contract import DpoSettings
from preprocess import open_image
from schedule import Schedule, schedule
from weights import load_model

# RLAIF-V's LoRA script: r 64, alpha 16, dropout 0.05, linear layers of the language model. Its projector is trained
# too, and saved apart; here it stays as it is, so that an adapter is all that is served (vLLM loads no other weights
# with one).
LORA = LoraConfig(
    r=64,
    lora_alpha=16,
    lora_dropout=0.05,
    bias="none",
    target_modules=r".*language_model.*\.(q|k|v|o|gate|up|down)_proj",
)
VISION = ("vision_tower", "visual")  # what LLaVA and Qwen call theirs
WEIGHT_DECAY = 0.01  # RLAIF-V: --weight_decay 0.01
# One pair at a time on each GPU, as RLAIF-V has it; the rest of a batch is accumulated.
PAIRS_AT_ONCE = 1


# FSDP2, a layer of the transformer at a time; recomputing activations is its own business then, not transformers'. Each
# process saves its own shard: 84 GB of masters and moments do not fit into one container's memory.
SHARDED = {"version": 2, "activation_checkpointing": True, "state_dict_type": "SHARDED_STATE_DICT"}


class PairCollator:
    """Chosen answers first, then rejected ones, padded together on the right; pictures in the same order."""

    def __init__(self, processor: Any, images: Path) -> None:
        self._processor = processor
        self._images = images
        # No max_length: pre-flight has dropped what is too long, nothing is cut.
        self._text = DataCollatorForPreference(pad_token_id=processor.tokenizer.pad_token_id)

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        pictures = [open_image((self._images / each["image_sha256"]).read_bytes()) for each in examples] * 2
        return {**self._text(examples), **self._processor.image_processor(pictures, return_tensors="pt")}


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    def __init__(self, *, reference: Path, **more: Any) -> None:
        self._reference = reference
        super().__init__(**more)

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        if not self._reference.exists():
            self._compute_reference(dataset, batch_size)
        self.accelerator.wait_for_everyone()
        stored = json.loads(self._reference.read_text("utf-8"))
        columns = zip(*(stored[pair_id] for pair_id in dataset["pair_id"]), strict=True)
        named = dict(zip(("ref_chosen_logps", "ref_rejected_logps"), map(list, columns), strict=True))
        return concatenate_datasets([dataset, Dataset.from_dict(named)], axis=1)

    def _compute_reference(self, dataset: Dataset, batch_size: int) -> None:
        """As TRL does it for text: the weights of the start, no gradients, each process its share."""
        loader = self.accelerator.prepare(DataLoader(dataset, batch_size, collate_fn=self.data_collator))
        self.model.to(self.accelerator.device).eval()  # an adapter to go on from has dropout
        sums: list[torch.Tensor] = []
        for batch in loader:
            with self.accelerator.autocast():
                both = self.compute_ref_log_probs(self.model, batch)
            sums.append(torch.stack(self.accelerator.gather_for_metrics(both), dim=1).float().cpu())
        if self.accelerator.is_main_process:
            rows = dict(zip(dataset["pair_id"], torch.cat(sums).tolist(), strict=True))
            temporary = self._reference.with_suffix(".part")
            temporary.write_text(json.dumps(rows), "utf-8")
            temporary.replace(self._reference)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """transformers 5.18.0 saves a LLaVA under the Hub's names of its weights and loads it here by its own names: it
        warns of missing keys and goes on from the base weights. `from_pretrained` translates."""
        if self.is_fsdp_enabled or hasattr(self.model, "peft_config"):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        saved = type(self.model).from_pretrained(resume_from_checkpoint, dtype=torch.float32)
        self.model.load_state_dict(saved.state_dict())

    def save_for_serving(self, folder: Path) -> None:
        """Half of the size it is trained in: bfloat16 for all weights, or the adapter alone."""
        if self.args.should_save:
            shutil.rmtree(folder, ignore_errors=True)
        state = self.accelerator.get_state_dict(self.model)
        if not self.args.should_save:
            return
        model = self.accelerator.unwrap_model(self.model)
        if hasattr(model, "peft_config"):
            model.save_pretrained(folder, selected_adapters=["default"], state_dict=state)
        else:
            half = {name: tensor.to(torch.bfloat16) for name, tensor in state.items()}
            model.save_pretrained(folder, state_dict=half)
            _tell_dtype(folder / "config.json")
            self.processing_class.save_pretrained(folder)


def _tell_dtype(path: Path) -> None:
    """transformers writes the dtype that the model has while it is trained, not that of the tensors given to it."""
    path.write_text(path.read_text("utf-8").replace('"dtype": "float32"', '"dtype": "bfloat16"'), "utf-8")


class Notes(TrainerCallback):  # type: ignore[misc]
    """Metrics as they come, and checkpoints marked when they are whole."""

    def __init__(self, scratch: Path, root: Path, plan: Schedule) -> None:
        self._metrics = scratch / "metrics.jsonl"
        self._root = root
        self._plan = plan
        self.trainer: PairTrainer | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            self._metrics.write_text("".join(self._line(log) for log in state.log_history if "loss" in log), "utf-8")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        if state.is_world_process_zero and "loss" in logs:
            with self._metrics.open("a", encoding="utf-8") as file:
                file.write(self._line({**logs, "step": state.global_step}))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        assert self.trainer is not None
        step = state.global_step
        self.trainer.save_for_serving(self._root / f"s{step}")
        self.trainer.accelerator.wait_for_everyone()
        if state.is_world_process_zero:
            complete(self._root, step)

    def _line(self, log: dict[str, float]) -> str:
        step = int(log["step"])
        record = {
            "step": step,
            "steps": self._plan.steps,
            "epoch": step / self._plan.steps_per_epoch,
            "loss": log["loss"],
            "chosenReward": log["rewards/chosen"],
            "rejectedReward": log["rewards/rejected"],
            "margin": log["rewards/margins"],
            "accuracy": log["rewards/accuracies"],
            "learningRate": log["learning_rate"],
        }
        return json.dumps(record) + "\n"


def arguments(settings: DpoSettings, plan: Schedule, seed: int, root: Path) -> DPOConfig:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    terms = {"sigmoid": settings.dpo_weight, "sft": settings.sft_weight}
    losses = {name: weight for name, weight in terms.items() if weight > 0}
    # All weights, their gradients and Adam's moments in float32 are 16 bytes a weight, 112 GB for 7B: cut over the
    # GPUs.
    sharded = {"fsdp": True, "fsdp_config": SHARDED} if world > 1 and settings.method == "full" else {}
    return DPOConfig(
        output_dir=str(root / STATE),
        loss_type=list(losses),
        loss_weights=list(losses.values()),
        beta=settings.beta,
        precompute_ref_log_probs=True,
        disable_dropout=False,  # the base has none, and LoRA's is RLAIF-V's
        max_length=None,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=plan.warmup_steps,
        max_steps=plan.steps,
        per_device_train_batch_size=PAIRS_AT_ONCE,
        gradient_accumulation_steps=settings.batch_pairs // (world * PAIRS_AT_ONCE),
        optim="adamw_torch",
        weight_decay=WEIGHT_DECAY,
        max_grad_norm=1.0,  # transformers' default, RLAIF-V's too
        seed=seed,
        data_seed=seed,
        bf16=gpu,
        tf32=gpu or None,
        use_cpu=not gpu,
        gradient_checkpointing=not sharded,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number must be seen
        save_steps=plan.save_every,
        save_total_limit=2,  # the newest may be half written when the machine is taken away
        remove_unused_columns=False,
        dataloader_num_workers=4 if gpu else 0,  # our choice: decoding keeps ahead of the GPU
        report_to=[],
        disable_tqdm=True,
        **sharded,
    )


def train(scratch: Path) -> None:
    """`scratch` has plan.json, pairs.jsonl, images/ and, when they are known, reference.json."""
    told = json.loads((scratch / "plan.json").read_text("utf-8"))
    settings = DpoSettings(**told["settings"])
    root = Path(told["root"])
    rows = [json.loads(text) for text in (scratch / "pairs.jsonl").read_text("utf-8").splitlines()]
    plan = schedule(len(rows), settings)
    set_seed(told["seed"])  # before an adapter gets its first weights; transformers' trainer seeds later
    model = load_model(told["source"], told["revision"], told["adapter"], settings.method)
    processor = AutoProcessor.from_pretrained(told["source"], revision=told["revision"] or None)
    if settings.method == "full":
        # RLAIF-V trains the language model and the projector; its vision tower runs without gradients (rlaifv-spec
        # §2.6).
        for name, module in model.named_modules():
            if name.rpartition(".")[2] in VISION:
                module.requires_grad_(False)
    notes = Notes(scratch, root, plan)
    trainer = PairTrainer(
        reference=scratch / "reference.json",
        model=model,
        args=arguments(settings, plan, told["seed"], root),
        data_collator=PairCollator(processor, scratch / "images"),
        train_dataset=Dataset.from_list(rows),
        processing_class=processor,
        callbacks=[notes],
        peft_config=LORA if settings.method == "lora" and told["adapter"] is None else None,
    )
    notes.trainer = trainer
    state = newest_state(root)
    trainer.train(resume_from_checkpoint=None if state is None else str(state))


def main(scratch: Path) -> int:
    try:
        train(scratch)
    except torch.OutOfMemoryError as error:
        told = {"code": "out_of_memory", "message": f"{error}: use more or larger GPUs, or method lora"}
        (scratch / "failure.json").write_text(json.dumps(told), "utf-8")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
