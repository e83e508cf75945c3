"""A plain enumeration of a design's trials, cohort by cohort: slow, and easy to trust."""

from __future__ import annotations

from math import comb, prod

import numpy as np

from posology.designs import Action, Design, Tally
from posology.designs.tally import NONE


def exact(design: Design, truth: list[float]) -> tuple[list[float], list[float], list[float], dict[int, float]]:
    """Return P(MTD) for none and each level, patients and DLTs expected by level, and the sizes' distribution."""
    levels = design.levels
    live: dict[tuple[tuple[int, ...], tuple[int, ...], int], float] = {((0,) * levels, (0,) * levels, NONE): 1.0}
    chosen, sizes = [0.0] * (levels + 1), {}
    patients, dlts = [0.0] * levels, [0.0] * levels
    while live:
        keys = list(live)
        tally = Tally(np.array([k[0] for k in keys]), np.array([k[1] for k in keys]), np.array([k[2] for k in keys]))
        decision = design.decide(tally)
        after: dict[tuple[tuple[int, ...], tuple[int, ...], int], float] = {}
        for i, (n, y, _) in enumerate(keys):
            weight, level, more = live[keys[i]], int(decision.level[i]), int(decision.patients_to_treat[i])
            if decision.action[i] in (Action.DECLARE, Action.STOP):
                chosen[level + 1] += weight
                sizes[sum(n)] = sizes.get(sum(n), 0.0) + weight
                for j in range(levels):
                    patients[j] += weight * n[j]
                    dlts[j] += weight * y[j]
                continue
            p = truth[level]
            for toxic in range(more + 1):
                key = (_plus(n, level, more), _plus(y, level, toxic), level)
                chance = comb(more, toxic) * prod([p] * toxic) * prod([1 - p] * (more - toxic))
                after[key] = after.get(key, 0.0) + weight * chance
        live = after
    return chosen, patients, dlts, sizes


def _plus(counts: tuple[int, ...], level: int, more: int) -> tuple[int, ...]:
    return (*counts[:level], counts[level] + more, *counts[level + 1 :])
