"""What every design sees and what every design answers: a tally of counts in, a decision out.

A trial is a row. All arrays have one row a trial, so a live trial is a batch of one, a simulation a batch of ten
thousand, and an exact enumeration a batch of every reachable tally. Dose levels are indices from 0 here; people see
them numbered from 1 (:func:`number`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, Self, runtime_checkable

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

NONE = -1
"""The index that stands for "no level": nobody treated yet, or no level safe enough."""


def number(index: int) -> int:
    """Return the number by which people call the dose level at ``index``: index 0 is level 1.

    >>> number(0)
    1
    """
    return index + 1


class Action(IntEnum):
    """What to do next."""

    WAIT = -1  # treat nobody yet: too many patients are still followed
    STAY = 0  # treat `more` patients at `level`, the level last given
    ESCALATE = 1  # treat `more` patients at `level`, above the level last given
    DEESCALATE = 2  # treat `more` patients at `level`, below the level last given
    DECLARE = 3  # the dose finding is over: `level` is the MTD
    STOP = 4  # the dose finding is over: no level is safe enough, `level` is NONE


@dataclass(frozen=True)
class Waiting:
    """Patients treated whose DLT window is still open, and who have had no DLT yet: one row a trial.

    Parameters
    ----------
    level
        (trials, slots): index of each patient's level, ``NONE`` for an empty slot.
    fraction
        (trials, slots): share of the window followed, from 0 to 1.
    dlt_at
        (trials, k): shares of the window at which the DLTs seen so far came, NaN for an empty slot; for adaptive weights.
    """

    level: Ints
    fraction: Floats
    dlt_at: Floats = None  # type: ignore[assignment]  # set in __post_init__

    def __post_init__(self) -> None:
        object.__setattr__(self, "level", np.asarray(self.level, dtype=np.int64))
        object.__setattr__(self, "fraction", np.asarray(self.fraction, dtype=np.float64))
        if self.dlt_at is None:
            object.__setattr__(self, "dlt_at", np.full((len(self.level), 0), np.nan))
        if self.level.shape != self.fraction.shape or self.level.ndim != 2:
            raise ValueError(
                f"level has shape {self.level.shape}, fraction {self.fraction.shape}: (trials, slots) both"
            )
        followed = self.fraction[self.level != NONE]
        if not ((followed >= 0) & (followed <= 1)).all():
            raise ValueError("a patient has been followed for a share of the window between 0 and 1")

    def pending(self, levels: int) -> Ints:
        """Return (trials, levels): how many patients are waited for."""
        return np.stack([(self.level == j).sum(axis=1) for j in range(levels)], axis=1)

    def followed(self, levels: int) -> Floats:
        """Return (trials, levels): their follow-up, in windows."""
        return np.stack([np.where(self.level == j, self.fraction, 0.0).sum(axis=1) for j in range(levels)], axis=1)

    def rows(self, which: Ints | Bools | slice) -> Waiting:
        """Return some of the trials."""
        return Waiting(self.level[which], self.fraction[which], self.dlt_at[which])


@dataclass(frozen=True)
class Tally:
    """Counts of DLT-evaluable patients, one row a trial.

    Parameters
    ----------
    treated, toxic
        (trials, levels): patients evaluable for DLT at each level, and those of them with a DLT.
    level
        (trials,): index of the level last given, ``NONE`` before the first patient.
    moderate
        (trials, levels): evaluable patients without a DLT whose worst toxicity was of the moderate kind that ends an
        accelerated titration (grade 2, related). Zeros where not given.
    ceiling
        (trials,): index of the highest level that may still be given; the top level where not given. A committee that
        closes a level lowers it.
    burden
        (trials, levels): sum of the patients' toxicity scores, each from 0 to 1, for designs that grade toxicity. The
        DLTs where not given.
    waiting
        those of the treated whose window is still open, for designs that do not wait for them. None: nobody is waited for.

    Raises
    ------
    ValueError
        if shapes differ, a count is negative, or more patients are toxic than treated.

    Examples
    --------
    >>> Tally.of("1NNN 2NTN", levels=3)
    Tally(treated=[[3 3 0]], toxic=[[0 1 0]], level=[1])
    """

    treated: Ints
    toxic: Ints
    level: Ints
    moderate: Ints = None  # type: ignore[assignment]  # set in __post_init__
    ceiling: Ints = None  # type: ignore[assignment]
    burden: Floats = None  # type: ignore[assignment]
    waiting: Waiting | None = None

    def __post_init__(self) -> None:
        self._put(treated=self.treated, toxic=self.toxic, level=self.level)
        if self.treated.ndim != 2:
            raise ValueError(f"treated must be (trials, levels), not of shape {self.treated.shape}")
        trials, levels = self.treated.shape
        if self.moderate is None:
            self._put(moderate=np.zeros((trials, levels)))
        if self.ceiling is None:
            self._put(ceiling=np.full(trials, levels - 1))
        self._put(moderate=self.moderate, ceiling=self.ceiling)
        for name in ("toxic", "moderate"):
            if getattr(self, name).shape != (trials, levels):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, treated has {(trials, levels)}")
        for name in ("level", "ceiling"):
            if getattr(self, name).shape != (trials,):
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}; it needs one entry a trial, {(trials,)}"
                )
        given = self.toxic if self.burden is None else self.burden
        object.__setattr__(self, "burden", np.asarray(given, dtype=np.float64))
        if self.burden.shape != (trials, levels):
            raise ValueError(f"burden has shape {self.burden.shape}, treated has {(trials, levels)}")
        if not ((self.burden >= 0) & (self.burden <= self.treated)).all():
            raise ValueError("a level's burden of toxicity lies between 0 and the number of its patients")
        if (self.toxic < 0).any() or (self.moderate < 0).any():
            raise ValueError("counts cannot be negative")
        if (self.toxic + self.moderate > self.treated).any():
            row, col = np.argwhere(self.toxic + self.moderate > self.treated)[0]
            raise ValueError(
                f"level {number(int(col))} has {self.toxic[row, col]} patients with a DLT and "
                f"{self.moderate[row, col]} with a moderate toxicity, but only {self.treated[row, col]} treated"
            )
        if (self.level < NONE).any() or (self.level >= levels).any():
            raise ValueError(f"a level must lie between 1 and {levels}")

    def _put(self, **arrays: ArrayLike) -> None:
        for name, array in arrays.items():
            object.__setattr__(self, name, np.asarray(array, dtype=np.int64))

    @property
    def trials(self) -> int:
        """Number of trials: rows."""
        return int(self.treated.shape[0])

    @property
    def levels(self) -> int:
        """Number of dose levels: columns."""
        return int(self.treated.shape[1])

    @classmethod
    def start(cls, trials: int, levels: int) -> Self:
        """Return the tally of ``trials`` trials in which nobody has been treated."""
        zeros = np.zeros((trials, levels), dtype=np.int64)
        return cls(zeros, zeros, np.full(trials, NONE))

    @classmethod
    def of(cls, outcomes: str, levels: int) -> Self:
        """Read outcomes as statisticians write them: level, then each patient (N none, M moderate, T DLT).

        Parameters
        ----------
        outcomes
            such as ``"1NNN 2NTN 2TNN"``; spaces part the cohorts, letters may be of either case.
        levels
            number of dose levels of the design.

        Raises
        ------
        ValueError
            naming the cohort that cannot be read, and what may stand there.
        """
        treated, toxic, moderate = (np.zeros((1, levels), dtype=np.int64) for _ in range(3))
        level = NONE
        for cohort in outcomes.split():
            digits = cohort[: len(cohort) - len(cohort.lstrip("0123456789"))]
            patients = cohort[len(digits) :].upper()
            if not digits or not patients or patients.strip("NMT"):
                raise ValueError(
                    f"cannot read the cohort {cohort!r}: write the level, then one letter a patient: "
                    "N (no DLT), M (moderate toxicity) or T (DLT), as in 2NTN"
                )
            level = int(digits) - 1
            if not 0 <= level < levels:
                raise ValueError(f"cohort {cohort!r} names level {digits}; this design has levels 1 to {levels}")
            treated[0, level] += len(patients)
            toxic[0, level] += patients.count("T")
            moderate[0, level] += patients.count("M")
        return cls(treated, toxic, np.array([level]), moderate)

    def rows(self, which: Ints | Bools | slice) -> Self:
        """Return the tally of some of the trials."""
        part = self._made(
            self.treated[which],
            self.toxic[which],
            self.level[which],
            self.moderate[which],
            self.ceiling[which],
            self.burden[which],
        )
        object.__setattr__(part, "waiting", None if self.waiting is None else self.waiting.rows(which))
        return part

    @classmethod
    def trusted(cls, treated: Ints, toxic: Ints, level: Ints) -> Self:
        """Build from arrays known to be right, unchecked: int64, of the right shapes."""
        nothing, top = np.zeros((), dtype=np.int64), np.full((), treated.shape[1] - 1)
        moderate, ceiling = np.broadcast_to(nothing, treated.shape), np.broadcast_to(top, level.shape)
        return cls._made(treated, toxic, level, moderate, ceiling, toxic)

    @classmethod
    def _made(cls, *arrays: Ints | Floats) -> Self:
        made = cls.__new__(cls)
        for name, array in zip(("treated", "toxic", "level", "moderate", "ceiling", "burden"), arrays, strict=True):
            object.__setattr__(made, name, array)
        object.__setattr__(made, "waiting", None)
        return made

    def followed_by(self, waiting: Waiting) -> Self:
        """Return the tally with patients, of those it counts as treated, who are still waited for."""
        pending = waiting.pending(self.levels)
        if (pending + self.toxic > self.treated).any():
            row, col = np.argwhere(pending + self.toxic > self.treated)[0]
            raise ValueError(
                f"level {number(int(col))} has {pending[row, col]} patients waited for and {self.toxic[row, col]} with a DLT, "
                f"but only {self.treated[row, col]} treated"
            )
        whole = self.rows(np.arange(self.trials))
        object.__setattr__(whole, "waiting", waiting)
        return whole

    def __repr__(self) -> str:
        shown = (np.array2string(a, threshold=20).replace("\n", "") for a in (self.treated, self.toxic, self.level))
        return "Tally(treated={}, toxic={}, level={})".format(*shown)


@dataclass(frozen=True)
class Decision:
    """What to do next, one row a trial.

    Parameters
    ----------
    action
        (trials,): an :class:`Action` each.
    level
        (trials,): index of the level to give next; the MTD where the action is DECLARE; ``NONE`` where it is STOP.
    more
        (trials,): how many more patients to treat there before deciding again; 0 when the dose finding is over.
    why
        (trials,): index into ``reasons`` of the rule that decided.
    reasons
        the rules in words. Each may use the fields n, dlt (counts at the level last given), level (last given), next
        (level decided) and more; levels are numbered from 1 in it.
    """

    action: Ints
    level: Ints
    more: Ints
    why: Ints
    reasons: Sequence[str]

    def words(self, tally: Tally, row: int = 0) -> str:
        """Say in words why the decision in ``row`` was taken on ``tally``."""
        last = int(tally.level[row])
        at = max(last, 0)
        return self.reasons[int(self.why[row])].format(
            n=int(tally.treated[row, at]),
            dlt=int(tally.toxic[row, at]),
            level=number(last),
            next=number(int(self.level[row])),
            more=int(self.more[row]),
        )


@runtime_checkable
class Design(Protocol):
    """A dose-finding design: a frozen dataclass of its parameters with one pure function on a batch of tallies."""

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        ...

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next in each trial. Defined for every tally, cohorts half filled included."""
        ...

    def select(self, tally: Tally) -> Ints:
        """Return the level that would be chosen as MTD if each trial ended now (``NONE``: no level is safe)."""
        ...
