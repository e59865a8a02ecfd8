"""The embedded model in PyTorch, for speed: usage engine_peer.py POLICY LABELER CASES SETTINGS (a JSON object).

Pictures in, text out, as bench/engine.ts measures it, but from tensors in memory: no chat requests, no image files.
Written for speed (fused attention, caches, fused Adam); test/python/embedded_torch.py is the plain one that checks gradients.
Captions are sampled with a key/value cache, finished rows leave the batch; each figure is the best of a few batch sizes.
Prints one JSON line.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

WIDTH, HEADS, HEAD_WIDTH, IMAGE_HEADS = 128, 4, 32, 2
VISION_BLOCKS, TEXT_BLOCKS = 2, 3
IMAGE_TOKENS, TEXT_LENGTH = 9, 48
PAD, CAPTION, QUESTION, END = range(4)  # functions/embedded/model/tokenizer.ts
CAPTION_BATCHES, LABEL_BATCHES = (128, 400, 1200), (64, 256, 1024)

Weights = dict[str, Tensor]
Cache = list[tuple[Tensor, Tensor]]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return torch.addmm(w[f"{name}.bias"], x.reshape(-1, x.shape[-1]), w[f"{name}.weight"]).view(*x.shape[:-1], -1)


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, (WIDTH,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)


def heads(w: Weights, name: str, x: Tensor) -> Tensor:
    """(B, T, WIDTH) to (B, HEADS, T, HEAD_WIDTH)."""
    return linear(w, name, x).view(*x.shape[:2], HEADS, HEAD_WIDTH).transpose(1, 2)


def feed_forward(w: Weights, p: str, x: Tensor) -> Tensor:
    up = linear(w, f"{p}up", norm(w, f"{p}norm2", x))
    return x + linear(w, f"{p}down", up * torch.sigmoid(1.702 * up))


def block(w: Weights, p: str, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    normed = norm(w, f"{p}norm1", x)
    query, key, value = (heads(w, f"{p}{name}", normed) for name in ("query", "key", "value"))
    seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    x = x + linear(w, f"{p}output", seen.transpose(1, 2).reshape(x.shape))
    return feed_forward(w, p, x), key, value


def see(w: Weights, patches: Tensor) -> Tensor:
    """Patches (B, 36, 768) to image tokens (B, 9, WIDTH)."""
    x = linear(w, "vision.patch", patches) + w["vision.position"]
    for i in range(VISION_BLOCKS):
        x, _, _ = block(w, f"vision.{i}.", x)
    return norm(w, "vision.norm", linear(w, "vision.merge", x.reshape(-1, IMAGE_TOKENS, 4 * WIDTH)))


def text_mask(length: int) -> Tensor:
    """(HEADS, 9 + length, 9 + length), True where a token is seen: text is causal, and hidden from the first heads."""
    total = IMAGE_TOKENS + length
    seen = torch.ones(total, total).tril().bool()
    seen[:, :IMAGE_TOKENS] = True
    mask = seen.repeat(HEADS, 1, 1)
    mask[:IMAGE_HEADS, :, IMAGE_TOKENS:] = False
    return mask


def read(w: Weights, image: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """Image (B, 9, WIDTH) and tokens (B, T) to what stands behind each token, (B, T, WIDTH)."""
    x = torch.cat((image, w["text.embedding"][tokens]), 1) + w["text.position"][: IMAGE_TOKENS + tokens.shape[1]]
    for i in range(TEXT_BLOCKS):
        x, _, _ = block(w, f"text.{i}.", x, mask)
    return x[:, IMAGE_TOKENS:]


def read_out(w: Weights, x: Tensor) -> Tensor:
    return linear(w, "text.head", norm(w, "text.norm", x))


def image_cache(w: Weights, image: Tensor) -> Cache:
    """Keys and values of the image tokens in each text block, (B, HEADS, 9, HEAD_WIDTH)."""
    x, cache = image + w["text.position"][:IMAGE_TOKENS], []
    for i in range(TEXT_BLOCKS):
        x, key, value = block(w, f"text.{i}.", x)
        cache.append((key, value))
    return cache


def step(w: Weights, tokens: Tensor, position: int, cache: Cache) -> Tensor:
    """One token (B,) to logits (B, V). `cache` has room for the image and all text; the token's own place is filled."""
    place = IMAGE_TOKENS + position
    x = (w["text.embedding"][tokens] + w["text.position"][place]).unsqueeze(1)
    for i, (keys, values) in enumerate(cache):
        p = f"text.{i}."
        normed = norm(w, f"{p}norm1", x)
        query, key, value = (heads(w, f"{p}{name}", normed) for name in ("query", "key", "value"))
        keys[:, :, place : place + 1], values[:, :, place : place + 1] = key, value
        of_image = F.scaled_dot_product_attention(
            query[:, :IMAGE_HEADS], keys[:, :IMAGE_HEADS, :IMAGE_TOKENS], values[:, :IMAGE_HEADS, :IMAGE_TOKENS]
        )
        of_all = F.scaled_dot_product_attention(
            query[:, IMAGE_HEADS:], keys[:, IMAGE_HEADS:, : place + 1], values[:, IMAGE_HEADS:, : place + 1]
        )
        seen = torch.cat((of_image, of_all), 1).transpose(1, 2).reshape(x.shape)
        x = feed_forward(w, p, x + linear(w, f"{p}output", seen))
    return read_out(w, x[:, 0])


def roomy(part: Tensor, of: Tensor) -> Tensor:
    """The image's cache rows `of`, with room for text behind them."""
    cache = torch.zeros(len(of), HEADS, IMAGE_TOKENS + TEXT_LENGTH, HEAD_WIDTH)
    cache[:, :, :IMAGE_TOKENS] = part[of]
    return cache


def sample(w: Weights, image: Tensor, of: Tensor) -> int:
    """Writes one caption for each picture number in `of`, temperature 1; the number of tokens without the end."""
    cache = [(roomy(key, of), roomy(value, of)) for key, value in image_cache(w, image)]
    tokens, alive, written = torch.full((len(of),), CAPTION), torch.ones(len(of), dtype=torch.bool), 0
    for position in range(TEXT_LENGTH):
        logits = step(w, tokens, position, cache)
        logits[:, [PAD, CAPTION, QUESTION]] = -torch.inf
        tokens = torch.multinomial(logits.softmax(-1), 1)[:, 0]
        alive &= tokens != END
        left = int(alive.sum())
        written += left
        if left == 0:
            break
        if left < 0.8 * len(alive):  # a copy of the caches pays when a fifth of the rows has ended
            tokens, cache = tokens[alive], [(key[alive], value[alive]) for key, value in cache]
            alive = alive[alive]
    return written


def best_seconds(work: Callable[[int], object], batches: tuple[int, ...], repetitions: int) -> float:
    """The shortest time of `work`, at the batch size that is fastest."""
    work(batches[0])  # the first pass allocates
    best = min(batches, key=lambda batch: timed(lambda: work(batch)))
    return min(timed(lambda: work(best)) for _ in range(repetitions))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@torch.inference_mode()
def sampling(w: Weights, patches: Tensor, settings: dict) -> tuple[float, float]:
    """Tokens a second at the best batch size, and tokens a caption."""
    written = 0

    def captions(batch: int) -> None:
        nonlocal written
        image = see(w, patches)
        of = torch.arange(len(patches)).repeat_interleave(settings["answersEach"])
        written = sum(sample(w, image, part) for part in of.split(batch))

    seconds = best_seconds(captions, CAPTION_BATCHES, settings["repetitions"])
    return written / seconds, written / (len(patches) * settings["answersEach"])


@torch.inference_mode()
def labelling(w: Weights, cases: Weights, settings: dict) -> float:
    """Questions a second at the best batch size: logprobs of the first answer token."""
    prompts, last = cases["prompts"].long(), cases["promptLengths"].long() - 1
    each = len(prompts) // len(cases["patches"])
    mask = text_mask(prompts.shape[1])

    def questions(batch: int) -> None:
        image = see(w, cases["patches"]).repeat_interleave(each, 0)
        for part in torch.arange(len(prompts)).split(batch):
            x = read(w, image[part], prompts[part], mask)
            read_out(w, x[torch.arange(len(part)), last[part]]).log_softmax(-1)

    return len(prompts) / best_seconds(questions, LABEL_BATCHES, settings["repetitions"])


def row_logprobs(w: Weights, image: Tensor, cases: Weights) -> Tensor:
    """Summed logprobs of the answers, nats: chosen rows first, then the rejected ones, (2 * pairs,)."""
    tokens, targets = cases["tokens"].long(), cases["targets"].long()
    logits = read_out(w, read(w, image, tokens, text_mask(TEXT_LENGTH)))
    each = logits.log_softmax(-1).gather(2, targets.unsqueeze(2))[:, :, 0]
    return (each * cases["weights"]).sum(1)


def training(w: Weights, cases: Weights, settings: dict) -> Iterator[float]:
    """DPO with its SFT term; the loss of each step (functions/embedded/model/preference-graph.ts)."""
    pairs = settings["batchPairs"]
    with torch.no_grad():
        image = see(w, cases["patches"][:pairs]).repeat(2, 1, 1)
    w = {name: value.clone().requires_grad_() for name, value in w.items() if name.startswith("text.")}
    adam = torch.optim.Adam(w.values(), settings["learningRate"], betas=(0.9, 0.98), fused=True)
    counted = cases["weights"].sum(1)[:pairs]
    while True:
        logprobs = row_logprobs(w, image, cases)
        ratios = logprobs - cases["reference"]
        margins = ratios[:pairs] - ratios[pairs:]
        sft = (logprobs[:pairs] / counted).mean()
        loss = F.softplus(-settings["beta"] * margins).mean() - settings["sftWeight"] * sft
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(w.values(), 1.0)
        adam.step()
        yield loss.item()


def main(policy_path: str, labeler_path: str, cases_path: str, settings_text: str) -> None:
    settings = json.loads(settings_text)
    policy, labeler = ({n: v.float() for n, v in load_file(path).items()} for path in (policy_path, labeler_path))
    cases = load_file(cases_path)
    tokens, tokens_each = sampling(policy, cases["patches"], settings)
    with torch.inference_mode():
        image = see(policy, cases["patches"][: settings["batchPairs"]]).repeat(2, 1, 1)
        logprobs = row_logprobs(policy, image, cases)
    steps = training(policy, cases, settings)
    first_loss = next(steps)
    next(steps)
    step_ms = 1000 * min(timed(lambda: next(steps)) for _ in range(settings["steps"]))
    figures = {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "tokens": tokens,
        "tokensEach": tokens_each,
        "questions": labelling(labeler, cases, settings),
        "stepMs": step_ms,
        "firstLoss": first_loss,
        "logprobs": logprobs.tolist(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])
