"""What every design sees and what every design answers: a tally of counts in, a decision out.

A trial is a row. All arrays have one row a trial, so a live trial is a batch of one, a simulation a batch of ten
thousand, and an exact enumeration a batch of every reachable tally. Dose levels are indices from 0 here; people see
them numbered from 1 (:func:`level_number`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Protocol, Self, runtime_checkable

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

NONE = -1
"""The index that stands for "no level": nobody treated yet, or no level safe enough."""


def level_number(index: int) -> int:
    """Return the number by which people call the dose level at ``index``: index 0 is level 1.

    >>> level_number(0)
    1
    """
    return index + 1


def level_number_or_none(index: int) -> int | None:
    """Return the number of the dose level at ``index``, or none where it stands for no level.

    >>> level_number_or_none(0), level_number_or_none(NONE)
    (1, None)
    """
    return None if index == NONE else level_number(index)


class Action(IntEnum):
    """What to do next."""

    WAIT = -1  # treat nobody yet: too many patients are still followed
    STAY = 0  # treat `patients_to_treat` at `level`, the level last given
    ESCALATE = 1  # treat `patients_to_treat` at `level`, above the level last given
    DEESCALATE = 2  # treat `patients_to_treat` at `level`, below the level last given
    DECLARE = 3  # the dose finding is over: `level` is the MTD
    STOP = 4  # the dose finding is over: no level is safe enough, `level` is NONE


@dataclass(frozen=True)
class PendingPatients:
    """Patients treated whose DLT window is still open, and who have had no DLT yet: one row a trial.

    Parameters
    ----------
    level
        (trials, slots): index of each patient's level, ``NONE`` for an empty slot.
    fraction
        (trials, slots): share of the window followed, from 0 to 1.
    dlt_at
        (trials, k): shares of the window at which the DLTs seen so far came, NaN for an empty slot; for adaptive
        weights.
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

    def count(self, levels: int) -> Ints:
        """Return (trials, levels): how many patients are waited for."""
        return np.stack([(self.level == j).sum(axis=1) for j in range(levels)], axis=1)

    def windows_followed(self, levels: int) -> Floats:
        """Return (trials, levels): their follow-up, in windows."""
        return np.stack([np.where(self.level == j, self.fraction, 0.0).sum(axis=1) for j in range(levels)], axis=1)

    def rows(self, which: Ints | Bools | slice) -> PendingPatients:
        """Return some of the trials."""
        return PendingPatients(self.level[which], self.fraction[which], self.dlt_at[which])


@dataclass(frozen=True)
class PatientOutcome:
    """What became of one patient.

    Parameters
    ----------
    level
        index of the dose level.
    outcome
        "N" no DLT, "M" a moderate toxicity, "T" a DLT.
    followed
        share of the DLT window followed, from 0 to 1; for a DLT, the share after which it came.
    cohort
        number of the cohort that the patient came with.
    """

    level: int
    outcome: str
    followed: float = 1.0
    cohort: int = 0


@dataclass(frozen=True)
class Tally:
    """Counts of DLT-evaluable patients, one row a trial.

    Parameters
    ----------
    treated, dlts
        (trials, levels): patients evaluable for DLT at each level, and those of them with a DLT.
    level
        (trials,): index of the level last given, ``NONE`` before the first patient.
    moderate
        (trials, levels): evaluable patients without a DLT whose worst toxicity was of the moderate kind that ends an
        accelerated titration (grade 2, related). Zeros where not given.
    ceiling
        (trials,): index of the highest level that may still be given; the top level where not given. A committee that
        closes a level lowers it.
    toxicity_score_sum
        (trials, levels): sum of the patients' toxicity scores, each from 0 to 1, for designs that grade toxicity. The
        DLTs where not given.
    pending
        those of the treated whose window is still open. None: nobody is waited for.
    last_cohort
        (trials,): patients of the cohort treated last, where it is known how the patients came; None: only counts are
        known.

    Raises
    ------
    ValueError
        if shapes differ, a count is negative, or more patients had a DLT than were treated.

    Examples
    --------
    >>> Tally.of("1NNN 2NTN", levels=3)
    Tally(treated=[[3 3 0]], dlts=[[0 1 0]], level=[1])
    """

    treated: Ints
    dlts: Ints
    level: Ints
    moderate: Ints = None  # type: ignore[assignment]  # set in __post_init__
    ceiling: Ints = None  # type: ignore[assignment]
    toxicity_score_sum: Floats = None  # type: ignore[assignment]
    pending: PendingPatients | None = None
    last_cohort: Ints | None = None

    def __post_init__(self) -> None:
        self._set_arrays(treated=self.treated, dlts=self.dlts, level=self.level)
        if self.treated.ndim != 2:
            raise ValueError(f"treated must be (trials, levels), not of shape {self.treated.shape}")
        self._fill_in()
        self._check_shapes()
        self._check_counts()

    def _fill_in(self) -> None:
        """Put what was not given: no moderate toxicity, every level open, the DLTs as the sum of scores."""
        trials, levels = self.treated.shape
        self._set_arrays(
            moderate=np.zeros((trials, levels)) if self.moderate is None else self.moderate,
            ceiling=np.full(trials, levels - 1) if self.ceiling is None else self.ceiling,
        )
        if self.last_cohort is not None:
            self._set_arrays(last_cohort=self.last_cohort)
        scores = self.dlts if self.toxicity_score_sum is None else self.toxicity_score_sum
        object.__setattr__(self, "toxicity_score_sum", np.asarray(scores, dtype=np.float64))

    def _check_shapes(self) -> None:
        shape = self.treated.shape
        for name in ("dlts", "moderate", "toxicity_score_sum"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, treated has {shape}")
        for name in ("level", "ceiling", "last_cohort"):
            values = getattr(self, name)
            if values is not None and values.shape != shape[:1]:
                raise ValueError(f"{name} has shape {values.shape}; it needs one entry a trial, {shape[:1]}")

    def _check_counts(self) -> None:
        levels = self.treated.shape[1]
        if not ((self.toxicity_score_sum >= 0) & (self.toxicity_score_sum <= self.treated)).all():
            raise ValueError("a level's toxicity_score_sum lies between 0 and the number of its patients")
        if (self.dlts < 0).any() or (self.moderate < 0).any():
            raise ValueError("counts cannot be negative")
        if (self.dlts + self.moderate > self.treated).any():
            row, col = np.argwhere(self.dlts + self.moderate > self.treated)[0]
            raise ValueError(
                f"level {level_number(int(col))} has {self.dlts[row, col]} patients with a DLT and "
                f"{self.moderate[row, col]} with a moderate toxicity, but only {self.treated[row, col]} treated"
            )
        if (self.level < NONE).any() or (self.level >= levels).any():
            raise ValueError(f"a level must lie between 1 and {levels}")

    def _set_arrays(self, **arrays: ArrayLike) -> None:
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
    def of(cls, outcomes: str, levels: int, window: float | None = None) -> Self:
        """Read outcomes as statisticians write them: level, then each patient (N none, M moderate, T DLT).

        Parameters
        ----------
        outcomes
            such as ``"1NNN 2NTN 2TNN"``; spaces part the cohorts, letters may be of either case. A patient whose window
            is still open has the share followed after a slash, ``"2NN/0.5T"`` (the second patient, half of the window),
            or the days, ``"2NN/14dT"``; after T stands when the DLT came, ``"2T/0.3"``, which adaptive weights use.
        levels
            number of dose levels of the design.
        window
            days of the DLT window, for follow-up in days.

        Raises
        ------
        ValueError
            naming the cohort that cannot be read, and what may stand there.

        Examples
        --------
        >>> tally = Tally.of("1NNN 2NN/14dT", levels=3, window=28)
        >>> tally.pending.level.tolist(), tally.pending.fraction.tolist()
        ([[1]], [[0.5]])
        """
        from posology.designs.outcomes import read_outcomes

        return cls.from_patients(read_outcomes(outcomes, levels, window), levels)

    @classmethod
    def from_patients(cls, patients: Sequence[PatientOutcome], levels: int) -> Self:
        """Count patients, in the order in which they were treated; see :class:`PatientOutcome`."""
        treated, dlts, moderate = (np.zeros((1, levels), dtype=np.int64) for _ in range(3))
        for p in patients:
            treated[0, p.level] += 1
            dlts[0, p.level] += p.outcome == "T"
            moderate[0, p.level] += p.outcome == "M"
        last = patients[-1] if patients else None
        size = sum(p.cohort == last.cohort for p in patients) if last else 0
        tally = cls(treated, dlts, np.array([last.level if last else NONE]), moderate, last_cohort=np.array([size]))
        pending = [p for p in patients if p.outcome != "T" and p.followed < 1]
        if not pending:
            return tally
        return tally.with_pending(
            PendingPatients(
                np.array([[p.level for p in pending]]),
                np.array([[p.followed for p in pending]]),
                np.array([[p.followed for p in patients if p.outcome == "T" and p.followed < 1]]),
            )
        )

    def rows(self, which: Ints | Bools | slice) -> Self:
        """Return the tally of some of the trials."""
        part = self._from_arrays(
            self.treated[which],
            self.dlts[which],
            self.level[which],
            self.moderate[which],
            self.ceiling[which],
            self.toxicity_score_sum[which],
        )
        object.__setattr__(part, "pending", None if self.pending is None else self.pending.rows(which))
        object.__setattr__(part, "last_cohort", None if self.last_cohort is None else self.last_cohort[which])
        return part

    @classmethod
    def unchecked(cls, treated: Ints, dlts: Ints, level: Ints) -> Self:
        """Build from arrays known to be right, unchecked: int64, of the right shapes.

        Parameters
        ----------
        treated, dlts
            (trials, levels): counts.
        level
            (trials,): index of the level last given.

        Examples
        --------
        >>> Tally.unchecked(np.array([[3, 0]]), np.array([[1, 0]]), np.array([0])).treated.tolist()
        [[3, 0]]
        """
        nothing, top = np.zeros((), dtype=np.int64), np.full((), treated.shape[1] - 1)
        moderate, ceiling = np.broadcast_to(nothing, treated.shape), np.broadcast_to(top, level.shape)
        return cls._from_arrays(treated, dlts, level, moderate, ceiling, dlts)

    @classmethod
    def _from_arrays(cls, *arrays: Ints | Floats) -> Self:
        tally = cls.__new__(cls)
        for name, array in zip(
            ("treated", "dlts", "level", "moderate", "ceiling", "toxicity_score_sum"), arrays, strict=True
        ):
            object.__setattr__(tally, name, array)
        object.__setattr__(tally, "pending", None)
        object.__setattr__(tally, "last_cohort", None)
        return tally

    def with_pending(self, patients: PendingPatients) -> Self:
        """Return the tally with patients, of those it counts as treated, who are still waited for."""
        pending = patients.count(self.levels)
        if (pending + self.dlts > self.treated).any():
            row, col = np.argwhere(pending + self.dlts > self.treated)[0]
            raise ValueError(
                f"level {level_number(int(col))} has {pending[row, col]} patients waited for and {self.dlts[row, col]}"
                f" with a DLT, but only {self.treated[row, col]} treated"
            )
        whole = self.rows(np.arange(self.trials))
        object.__setattr__(whole, "pending", patients)
        return whole

    def key(self) -> bytes:
        """Return all counts as bytes: equal for equal tallies without patients waited for."""
        arrays = [self.treated, self.dlts, self.level, self.moderate, self.ceiling, self.toxicity_score_sum]
        if self.last_cohort is not None:
            arrays.append(self.last_cohort)
        return b"".join([a.tobytes() for a in arrays])

    def evaluable(self) -> Self:
        """Return the tally of the patients followed to the end, and of those with a DLT: nobody is waited for in it."""
        if self.pending is None:
            return self
        some = self.rows(np.arange(self.trials))
        object.__setattr__(some, "treated", self.treated - self.pending.count(self.levels))
        object.__setattr__(some, "moderate", np.minimum(self.moderate, some.treated - some.dlts))
        object.__setattr__(some, "pending", None)
        return some

    def __repr__(self) -> str:
        shown = (np.array2string(a, threshold=20).replace("\n", "") for a in (self.treated, self.dlts, self.level))
        return "Tally(treated={}, dlts={}, level={})".format(*shown)


@dataclass(frozen=True)
class Decision:
    """What to do next, one row a trial.

    Parameters
    ----------
    action
        (trials,): an :class:`Action` each.
    level
        (trials,): index of the level to give next; the MTD where the action is DECLARE; ``NONE`` where it is STOP.
    patients_to_treat
        (trials,): how many more patients to treat there before deciding again; 0 when the dose finding is over.
    why
        (trials,): index into ``reasons`` of the rule that decided.
    reasons
        the rules in words. Each may use the fields n, dlt (counts at the level last given), level (last given), next
        (level decided), more (patients to treat) and pending (patients still followed); levels are numbered from 1 in
        it.
    """

    action: Ints
    level: Ints
    patients_to_treat: Ints
    why: Ints
    reasons: Sequence[str]

    def words(self, tally: Tally, row: int = 0) -> str:
        """Say in words why the decision in ``row`` was taken on ``tally``."""
        last = int(tally.level[row])
        at = max(last, 0)
        return self.reasons[int(self.why[row])].format(
            n=int(tally.treated[row, at]),
            dlt=int(tally.dlts[row, at]),
            level=level_number(last),
            next=level_number(int(self.level[row])),
            more=int(self.patients_to_treat[row]),
            pending=0 if tally.pending is None else int((tally.pending.level[row] != NONE).sum()),
        )


class DependsOn(StrEnum):
    """What a design's next dose depends on."""

    LEVEL = "the counts at the level last given"  # a decision table says it all
    COUNTS = "the counts at all levels"
    SCORES = "the toxicity scores"
    TIME = "how long each patient has been followed"

    @property
    def counts_alone(self) -> bool:
        """Whether counts of patients and DLTs are enough: then all trials can be enumerated exactly."""
        return self in (DependsOn.LEVEL, DependsOn.COUNTS)


@runtime_checkable
class Design(Protocol):
    """A dose-finding design: a frozen dataclass of its parameters with one pure function on a batch of tallies.

    Whatever ``decide`` and ``select`` return, the design itself admits: a level to treat at is ``admissible``, an MTD
    is safe (not above ``highest_safe``) and tried.
    """

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        ...

    @property
    def depends_on(self) -> DependsOn:
        """What the next dose depends on."""
        ...

    @property
    def uses_follow_up(self) -> bool:
        """Whether patients still followed count for the share of the window; others wait for them."""
        ...

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next in each trial. Defined for every tally, cohorts half filled included."""
        ...

    def select(self, tally: Tally) -> Ints:
        """Return the level that would be chosen as MTD if each trial ended now (``NONE``: no level is safe)."""
        ...

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor too toxic by the design's own rule (``NONE``: no level is
        safe)."""
        ...

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that the next patients may be given (``NONE``: no level is safe)."""
        ...

    def admissible(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels that may be given to the next patients."""
        ...
