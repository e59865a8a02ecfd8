"""How many steps, when to save: shared/stages/train.ts, mirrored; checked against the golden schedule."""

import math
from dataclasses import dataclass

from contract import DpoSettings


@dataclass(frozen=True)
class Schedule:
    """Steps are optimiser steps; a last batch that is not full is one. `save_steps` always holds the last step."""

    steps_per_epoch: int
    steps: int
    warmup_steps: int
    save_every: int
    save_steps: list[int]


def schedule(pairs: int, settings: DpoSettings) -> Schedule:
    per_epoch = math.ceil(pairs / settings.batch_pairs)
    steps = math.ceil(per_epoch * settings.epochs)
    every = max(1, per_epoch // settings.checkpoints_per_epoch)
    saves = list(range(every, steps + 1, every))
    if not saves or saves[-1] != steps:
        saves.append(steps)
    return Schedule(per_epoch, steps, math.ceil(steps * settings.warmup_share), every, saves)
