"""DPO speed: this project's trainer against plain TRL on the same random LLaVA, the same pairs and the same settings.

    python bench/gpu.py                     # LLaVA-1.5-7B's size, LoRA; one GPU of 80 GB
    python bench/gpu.py --method full       # all weights; one GPU of 141 GB, plain TRL does not fit and is left out
    python bench/gpu.py --size tiny --steps 3   # on a CPU: shows that it runs, its figures say nothing

Needs the packages of functions/gpu/requirements-test.txt. Told are tokens a second (both answers, with their picture
tokens) and the share of the card's bf16 peak that the model's own arithmetic makes up: 6 operations a weight and token
for full tuning, 4 for LoRA (no gradients of the weights); what is computed twice to save memory, and the reference
model's pass, is not counted.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "functions" / "gpu"), str(ROOT / "test" / "gpu")]

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import LlavaConfig, LlavaForConditionalGeneration, TrainerCallback  # noqa: E402
from trl import DPOTrainer  # noqa: E402

from contract import DpoSettings  # noqa: E402
from pairs import PairRow, as_json, encode_pair  # noqa: E402
from schedule import schedule  # noqa: E402
from tiny import tiny_model, tiny_processor  # noqa: E402
from train_worker import LORA, PairCollator, PairTrainer, arguments  # noqa: E402

# Dense bf16 operations a second, from NVIDIA's data sheets.
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "B200": 2250e12, "L40S": 362e12}
WARM_STEPS = 2  # not measured: compilation and the allocator's first round
ANSWER_BYTES = 400  # the tokenizer here has one token a byte; RLAIF-V's answers are about as many tokens at most


class Clock(TrainerCallback):
    """Seconds and tokens of the measured steps."""

    def __init__(self):
        self.marks = []

    def on_log(self, args, state, control, logs, **_):
        if "loss" in logs:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.marks.append((time.perf_counter(), logs["num_tokens"], logs["loss"]))

    def speed(self):
        (begin, before, _), (end, after, _) = self.marks[WARM_STEPS - 1], self.marks[-1]
        return (after - before) / (end - begin)


def model_of(size, method):
    if size == "tiny":
        return tiny_model()
    dtype = torch.float32 if method == "full" else torch.bfloat16
    with torch.device("cuda"):
        torch.set_default_dtype(dtype)
        model = LlavaForConditionalGeneration(LlavaConfig(image_token_index=4))  # its defaults are LLaVA-1.5-7B's sizes
        torch.set_default_dtype(torch.float32)
    return model


def make_pairs(folder, processor, config, count, size):
    """Noise pictures and answers of random letters, as both trainers want them."""
    generator = torch.Generator().manual_seed(0)
    coded, plain = [], []
    (folder / "images").mkdir()
    for index in range(count):
        noise = torch.randint(0, 256, (240, 320, 3), generator=generator, dtype=torch.uint8)
        path = folder / "images" / str(index)
        Image.fromarray(noise.numpy()).save(path, "PNG")
        letters = torch.randint(97, 123, (2, size), generator=generator)
        chosen, rejected = ("".join(map(chr, row.tolist())) for row in letters)
        row = PairRow(f"p{index}", f"s{index}", str(index), "Describe the picture.", chosen, rejected)
        coded.append(as_json(encode_pair(row, lambda name: (folder / "images" / name).read_bytes(), processor, config)))
        turns = {"prompt": [{"role": "user", "content": row.question}]}
        turns |= {side: [{"role": "assistant", "content": getattr(row, side)}] for side in ("chosen", "rejected")}
        plain.append({**turns, "images": [Image.open(path).convert("RGB")]})
    return coded, plain


def measure(kind, options, folder, rows, processor):
    """Tokens a second of one trainer."""
    settings = DpoSettings(method=options.method, epochs=1)
    steps = WARM_STEPS + options.steps
    plan = schedule(steps * settings.batch_pairs, settings)
    args = arguments(settings, plan, 0, folder / kind)
    args.save_strategy, clock = "no", Clock()
    model = model_of(options.size, options.method)
    weights = sum(parameter.numel() for parameter in model.parameters())
    more = {"peft_config": LORA} if options.method == "lora" else {}
    common = dict(model=model, args=args, processing_class=processor, callbacks=[clock], **more)
    if kind == "ours":
        collator = PairCollator(processor, folder / "images")
        trainer = PairTrainer(
            reference=folder / "reference.json", data_collator=collator, train_dataset=Dataset.from_list(rows), **common
        )
    else:
        args.precompute_ref_log_probs = False
        trainer = DPOTrainer(train_dataset=Dataset.from_list(rows), **common)
    trainer.train()
    return clock.speed(), weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["7b", "tiny"], default="7b")
    parser.add_argument("--method", choices=["lora", "full"], default="lora")
    parser.add_argument("--steps", type=int, default=10, help="measured steps, of 8 pairs each")
    options = parser.parse_args()
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    if options.size == "7b" and card == "CPU":
        raise SystemExit("7B needs a GPU: take --size tiny here")
    processor = tiny_processor() if options.size == "tiny" else tiny_processor(336)
    config = tiny_model().config if options.size == "tiny" else LlavaConfig(image_token_index=4)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = 60 if options.size == "tiny" else ANSWER_BYTES
        coded, plain = make_pairs(folder, processor, config, (WARM_STEPS + options.steps) * 8, size)
        kinds = [("ours", coded)] + ([("plain TRL", plain)] if options.method == "lora" else [])
        for kind, rows in kinds:
            speed, weights = measure(kind, options, folder, rows, processor)
            peak = next((value for name, value in PEAKS.items() if name in card), None)
            share = None if peak is None else speed * weights * (6 if options.method == "full" else 4) / peak
            told = {"trainer": kind, "card": card, "weights": weights, "tokensPerSecond": round(speed, 1)}
            print(json.dumps({**told, "shareOfPeak": share and round(share, 3)}), flush=True)


if __name__ == "__main__":
    main()
