"""Concentrations below the limit of quantification (BLQ): what is one, and what a profile without a model makes of it.

In a profile (non-compartmental analysis) a BLQ concentration is written 0, and a :class:`BlqRule` says what stands for
it. A fit keeps its limit instead, and takes the probability of lying below it (Beal's method M3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats

BlqAction = Literal["zero", "drop"]
"""A BLQ concentration counts as zero, or is left out; a number stands for it otherwise."""


def is_blq(concentration: ArrayLike, limit: ArrayLike) -> Bools:
    """Return which concentrations lie below the limit of quantification; one at the limit can be quantified.

    >>> is_blq([0.4, 0.5, 0.6], 0.5)
    array([ True, False, False])
    """
    return np.asarray(np.asarray(concentration, float) < np.asarray(limit, float))


@dataclass(frozen=True)
class BlqRule:
    """What stands for a BLQ concentration of a profile, by where it lies.

    Each action is ``"zero"``, ``"drop"`` or a number. The default is PKNCA's: zero, drop, zero. (A zero at the end adds
    to AUCall, never to AUClast.)

    Parameters
    ----------
    first, middle, last
        before the first measurable concentration, between two measurable ones, and after the last.
    around
        "measurable" as above; "tmax": ``first`` is up to the highest concentration, ``last`` after it, and ``middle``
        unused.

    Raises
    ------
    ValueError
        if an action is none of these.

    Examples
    --------
    >>> rule = BlqRule(middle=0.25)
    >>> value, kept = rule.apply(np.array([[0.0, 2.0, 0.0, 1.0, 0.0]]), np.ones((1, 5), bool))
    >>> value.tolist()
    [[0.0, 2.0, 0.25, 1.0, 0.0]]
    """

    first: BlqAction | float = "zero"
    middle: BlqAction | float = "drop"
    last: BlqAction | float = "zero"
    around: Literal["measurable", "tmax"] = "measurable"

    def __post_init__(self) -> None:
        for where in ("first", "middle", "last"):
            action = getattr(self, where)
            if not (action in ("zero", "drop") if isinstance(action, str) else 0 < action < np.inf):
                raise ValueError(f"below quantification, {where}: {action!r}; it is 'zero', 'drop' or a number above 0")
        if self.around not in ("measurable", "tmax"):
            raise ValueError(f"below quantification, around {self.around!r}; it is 'measurable' or 'tmax'")

    @classmethod
    def by_tmax(cls, before: BlqAction | float = "zero", after: BlqAction | float = "drop") -> BlqRule:
        """Return the rule by where a concentration lies to the highest one."""
        return cls(before, "drop", after, "tmax")

    @classmethod
    def parse(cls, text: str) -> BlqRule:
        """Read a rule: ``first=zero,middle=drop,last=0.5`` (what is not named is as by default), or
        ``before=..,after=..``.

        Raises
        ------
        ValueError
            if a part or an action is unknown.

        Examples
        --------
        >>> BlqRule.parse("middle=zero") == BlqRule(middle="zero"), BlqRule.parse("before=drop") == BlqRule.by_tmax("drop")
        (True, True)
        """
        actions: dict[str, BlqAction | float] = {}
        for part in text.split(","):
            where, _, action = (word.strip() for word in part.partition("="))
            if where not in ("first", "middle", "last", "before", "after"):
                raise ValueError(f"{text!r}: {where!r} is no place; write first=, middle=, last=, or before=, after=")
            if action in ("zero", "drop"):
                actions[where] = action  # type: ignore[assignment]
            else:
                try:
                    actions[where] = float(action)
                except ValueError:
                    raise ValueError(
                        f"{text!r}: {action!r} is no action; write zero, drop or a number above 0"
                    ) from None
        if not actions.keys() & {"before", "after"}:
            return cls(**actions)  # type: ignore[arg-type]
        if actions.keys() & {"first", "middle", "last"}:
            raise ValueError(f"{text!r}: before and after Tmax, or first, middle and last: not both")
        return cls.by_tmax(**actions)

    def apply(self, concentration: Floats, measured: Bools) -> tuple[Floats, Bools]:
        """Return the concentrations with what stands for BLQ ones (written 0), and which are still there; (profiles,
        samples)."""
        value, kept = concentration.copy(), measured.copy()
        blq, positive = measured & (value == 0), measured & (value > 0)
        index, samples = np.arange(value.shape[1]), value.shape[1]
        if self.around == "tmax":
            top = np.argmax(np.where(measured, value, -1.0), axis=1)[:, None]
            parts = [(blq & (index <= top), self.first), (blq & (index > top), self.last)]
        else:
            there = positive.any(axis=1)
            first = np.where(there, positive.argmax(axis=1), samples)[:, None]
            last = np.where(there, samples - 1 - positive[:, ::-1].argmax(axis=1), -1)[:, None]
            parts = [
                (blq & (index < first), self.first),
                (blq & (index > first) & (index < last), self.middle),
                (blq & (index > last) & (index > first), self.last),
            ]
        for where, action in parts:
            if action == "drop":
                kept &= ~where
            elif action != "zero":
                value = np.where(where, float(action), value)
        return value, kept
