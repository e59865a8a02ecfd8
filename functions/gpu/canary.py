"""Asks the model what it must know before it is paid for thousands of answers: a labeler that does not see its images
answers every claim from habit, and nothing in its answers shows it."""

import math
from collections.abc import Iterable

from PIL import Image

from engine import ChatRequest, Completion, Engine, Message, Refused

QUESTION = "Is the square red? Please answer yes or no."
SIDE = 336  # pixels; what CLIP-L/336 sees, no model sees less than a part of it
SMALLEST_DIFFERENCE = 0.01  # our choice: above what bf16 and batching change, far below what seeing changes


class CanaryFailed(Exception):  # noqa: N818
    """The model answers alike whatever the image shows."""


def check_sight(engine: Engine) -> tuple[float, float]:
    """P(yes) for a red and for a blue square; CanaryFailed unless the red one's is clearly the higher."""
    answers = list(engine.answer([_asked("red"), _asked("blue")]))
    red, blue = (_p_yes(answer) for answer in answers)
    if red is None or blue is None or not red - blue > SMALLEST_DIFFERENCE:
        told = ", ".join(
            f"{name} {'no yes or no' if p is None else f'{p:.4f}'}" for name, p in [("red", red), ("blue", blue)]
        )
        raise CanaryFailed(
            f"P(yes) to '{QUESTION}' is {told}: the model does not see its images; check model and template"
        )
    return red, blue


def _asked(colour: str) -> ChatRequest:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    image.paste(Image.new("RGB", (SIDE // 2, SIDE // 2), colour), (SIDE // 4, SIDE // 4))
    messages = [Message("user", [image, QUESTION])]
    return ChatRequest(f"canary-{colour}", messages, temperature=0.0, max_tokens=1, top_logprobs=20)


def _p_yes(answer: Completion | Refused) -> float | None:
    """Share of yes in the mass of yes and no; None without either."""
    if isinstance(answer, Refused) or not answer.choices[0].logprobs:
        return None
    top = answer.choices[0].logprobs[0].top
    yes, no = _mass(top, "yes"), _mass(top, "no")
    return yes / (yes + no) if yes + no > 0 else None


def _mass(top: Iterable[tuple[str, float]], word: str) -> float:
    return sum(math.exp(logprob) for token, logprob in top if token.strip(" \u2581\u0120").lower() == word)
