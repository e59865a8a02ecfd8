"""The embedded model written a second time, in PyTorch: the same weights must give the same losses and gradients.

Run: `python -m pytest test/python/embedded_torch.py` with torch (CPU), safetensors and numpy. Node comes from the
project's node_modules, else from the path.
"""

import math
import os
import pathlib
import subprocess

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
load_file = pytest.importorskip("safetensors.torch", reason="safetensors is not installed").load_file
F = torch.nn.functional

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADS = 4
IMAGE_TOKENS = 9
CELL_LOGIT_SCALE = 0.12  # functions/embedded/model/pretraining-graph.ts


@pytest.fixture(scope="module")
def dump(tmp_path_factory):
    """Inputs, outputs and gradients of the model as the project computes them."""
    own = ROOT / "node_modules" / ".bin" / "node"
    node = str(own) if own.exists() else "node"
    file = tmp_path_factory.mktemp("embedded") / "dump.safetensors"
    subprocess.run([node, str(ROOT / "test/python/embedded_dump.ts"), str(file)], check=True, cwd=ROOT, env=os.environ)
    return load_file(file)


def weights_of(dump):
    return {
        name.removeprefix("weight."): tensor.clone().requires_grad_()
        for name, tensor in dump.items()
        if name.startswith("weight.")
    }


def linear(w, x, name):
    return x @ w[f"{name}.weight"] + w[f"{name}.bias"]


def norm(w, x, name):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-5)


def block(w, x, prefix, mask):
    """Pre-norm transformer block; x (B, S, D), mask broadcast to (B, H, S, S) and added to the scores."""
    batch, length, width = x.shape
    normed = norm(w, x, f"{prefix}norm1")

    def heads(name):
        return linear(w, normed, prefix + name).view(batch, length, HEADS, -1).transpose(1, 2)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.transpose(-1, -2) / math.sqrt(width // HEADS) + mask
    seen = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, width)
    x = x + linear(w, seen, f"{prefix}output")
    up = linear(w, norm(w, x, f"{prefix}norm2"), f"{prefix}up")
    return x + linear(w, up * torch.sigmoid(1.702 * up), f"{prefix}down")


def vision(w, patches):
    """Patches (B, 36, 768) to image tokens (B, 9, D)."""
    x = linear(w, patches, "vision.patch") + w["vision.position"]
    for i in range(2):
        x = block(w, x, f"vision.{i}.", torch.zeros(()))
    cells = x.reshape(x.shape[0], IMAGE_TOKENS, -1)
    return norm(w, linear(w, cells, "vision.merge"), "vision.norm")


def decoder(w, image, tokens, position, mask):
    """Image tokens (B, 9, D) and text tokens (B, T) to logits (B, T, V)."""
    x = torch.cat([image, w["text.embedding"][tokens]], dim=1) + position
    for i in range(3):
        x = block(w, x, f"text.{i}.", mask)
    return linear(w, norm(w, x[:, IMAGE_TOKENS:], "text.norm"), "text.head")


def target_logprobs(logits, targets):
    return logits.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def check_gradients(dump, w, prefix):
    compared = 0
    for name, tensor in w.items():
        expected = dump.get(f"{prefix}{name}")
        if expected is None:
            continue
        difference = (tensor.grad - expected).abs().max().item()
        assert difference < 1e-4 * (1 + expected.abs().max().item()), f"{name}: {difference}"
        compared += 1
    return compared


def test_pretraining_loss_and_gradients(dump):
    w = weights_of(dump)
    batch = {name: dump[f"pretraining.{name}"] for name in ("patches", "weights", "mask", "losses")}
    ids = {name: dump[f"pretraining.{name}"].long() for name in ("tokens", "targets", "positions", "cells", "names")}
    image = vision(w, batch["patches"])
    table = w["text.position"]
    places = table[:IMAGE_TOKENS].expand(image.shape[0], -1, -1)
    position = torch.cat([places, table[IMAGE_TOKENS + ids["positions"]]], dim=1)
    logits = decoder(w, image, ids["tokens"], position, batch["mask"])
    text_loss = -(target_logprobs(logits, ids["targets"]) * batch["weights"]).sum()
    names = CELL_LOGIT_SCALE * image @ w["text.embedding"][ids["names"]].T
    cell_loss = -target_logprobs(names, ids["cells"]).mean()
    loss = text_loss + 0.7 * cell_loss
    torch.testing.assert_close(torch.stack([loss, text_loss, cell_loss]), batch["losses"], rtol=1e-4, atol=1e-5)
    loss.backward()
    assert check_gradients(dump, w, "pretraining.gradient.") == len(w)


def test_dpo_loss_and_gradients(dump):
    w = weights_of(dump)
    tokens, targets = dump["dpo.tokens"].long(), dump["dpo.targets"].long()
    logits = decoder(w, dump["dpo.images"], tokens, w["text.position"], dump["dpo.mask"])
    logprobs = (target_logprobs(logits, targets) * dump["dpo.weights"]).sum(-1)
    torch.testing.assert_close(logprobs, dump["dpo.logprobs"], rtol=1e-4, atol=1e-3)
    ratios = logprobs - dump["dpo.reference"]
    chosen, rejected = ratios.chunk(2)
    dpo = -F.logsigmoid(0.1 * (chosen - rejected)).mean()
    lengths = dump["dpo.weights"][:3].sum(-1)
    sft = (-logprobs[:3] / lengths).mean()
    loss = dpo + 0.3 * sft
    torch.testing.assert_close(loss.reshape(1), dump["dpo.loss"], rtol=1e-4, atol=1e-5)
    loss.backward()
    trained = sum(name.startswith("text.") for name in w)
    assert check_gradients(dump, w, "dpo.gradient.") == trained
