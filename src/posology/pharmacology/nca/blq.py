"""What is done with a concentration below the limit of quantification (BLQ) in a profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

BlqAction = Literal["zero", "drop"]


@dataclass(frozen=True)
class BlqRule:
    """What is done with a concentration below quantification, by where it lies.

    ``first`` before the first measurable concentration, ``middle`` between two measurable ones, ``last`` after the
    last: each ``"zero"``, ``"drop"`` or a number. The default is PKNCA's: zero, drop, zero. (A zero at the end adds to
    AUCall, never to AUClast.)
    """

    first: BlqAction | float = "zero"
    middle: BlqAction | float = "drop"
    last: BlqAction | float = "zero"

    def __post_init__(self) -> None:
        _allowed(first=self.first, middle=self.middle, last=self.last)


@dataclass(frozen=True)
class BlqRuleByTmax:
    """The same by where it lies to the highest concentration: ``before`` or ``after`` it."""

    before: BlqAction | float = "zero"
    after: BlqAction | float = "drop"

    def __post_init__(self) -> None:
        _allowed(before=self.before, after=self.after)


def _allowed(**rules: BlqAction | float) -> None:
    for where, what in rules.items():
        if not (what in ("zero", "drop") if isinstance(what, str) else 0 < what < np.inf):
            raise ValueError(f"below quantification, {where}: {what!r}; it is 'zero', 'drop' or a number above 0")
