"""One stage: A'Hern's exact sample size, and Sargent's three outcomes.

A'Hern RP, Statistics in Medicine 2001;20:859-866. Sargent DJ, Chan V, Goldberg RM, Controlled Clinical Trials
2001;22:117-125. Binomial error rates do not fall steadily with the number of patients (they are saw-toothed): a size
may meet them where the next one does not. Which size is meant is an option by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import binom

from posology.expansion.one_arm.boundaries import Boundaries

__all__ = ["SingleStage", "ThreeOutcome", "a_hern", "sargent", "single_stage_designs"]

SawTooth = Literal["first", "all larger"]


@dataclass(frozen=True)
class SingleStage:
    """The drug is worth further study with more than ``r`` responses of ``n``, at these exact error rates."""

    n: int
    r: int
    type_1_error: float
    power: float

    @property
    def boundaries(self) -> Boundaries:
        """The design as a table of boundaries."""
        return Boundaries((self.n,), (self.r,), (self.r + 1,))


@dataclass(frozen=True)
class ThreeOutcome:
    """Rejected with ``r`` or fewer of ``n``, worth further study with ``s`` or more, and undecided between.

    ``type_1_error`` is the chance of s or more at p0, ``type_2_error`` of r or fewer at p1, ``correct_rejection`` of r
    or fewer at p0, ``power`` of s or more at p1.
    """

    n: int
    r: int
    s: int
    type_1_error: float
    type_2_error: float
    correct_rejection: float
    power: float

    @property
    def boundaries(self) -> Boundaries:
        """The design as a table of boundaries."""
        return Boundaries((self.n,), (self.r,), (self.s,))


def _check(p0: float, p1: float, errors: dict[str, float]) -> None:
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"p0 is {p0} and p1 is {p1}: it must hold that 0 < p0 < p1 < 1")
    for name, value in errors.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}: it lies between 0 and 1")


def single_stage_designs(
    p0: float, p1: float, *, alpha: float = 0.05, beta: float = 0.2, max_patients: int = 300, tolerance: float = 1e-9
) -> list[SingleStage]:
    """Return the design of each number of patients that meets both errors, with the smallest critical number.

    Parameters
    ----------
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    alpha, beta
        the most that type I and type II error may be.
    max_patients
        the most patients to look at.
    tolerance
        by how much an error may exceed its bound (A'Hern's tables round to three digits: 0.0005).

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no number of patients will do.

    Examples
    --------
    >>> [design.n for design in single_stage_designs(0.05, 0.25, max_patients=30)][:3]
    [16, 21, 22]
    """
    _check(p0, p1, {"alpha": alpha, "beta": beta})
    n = np.arange(1, max_patients + 1)
    r = binom.ppf(1 - alpha - tolerance, n, p0).astype(int)  # the least r with P(X > r) <= alpha, but for rounding
    r = np.where((r > 0) & (binom.sf(r - 1, n, p0) <= alpha + tolerance), r - 1, r)
    r = np.where(binom.sf(r, n, p0) > alpha + tolerance, r + 1, r)
    level, power = binom.sf(r, n, p0), binom.sf(r, n, p1)
    fits = np.flatnonzero((power >= 1 - beta - tolerance) & (r < n))
    if not len(fits):
        raise ValueError(
            f"no single stage of {max_patients} patients or fewer tells {p0:g} from {p1:g} with errors {alpha:g} and"
            f" {beta:g}"
        )
    return [SingleStage(int(n[k]), int(r[k]), float(level[k]), float(power[k])) for k in fits]


def a_hern(
    p0: float,
    p1: float,
    *,
    alpha: float = 0.05,
    beta: float = 0.2,
    saw_tooth: SawTooth = "first",
    max_patients: int = 300,
    tolerance: float = 0.0005,
) -> SingleStage:
    """Return A'Hern's single-stage design.

    Parameters
    ----------
    p0, p1, alpha, beta, max_patients, tolerance
        as for :func:`single_stage_designs`.
    saw_tooth
        "first": the smallest number of patients that meets both errors, as the paper; "all larger": the smallest from
        which on every number does.

    Examples
    --------
    >>> design = a_hern(0.05, 0.2)
    >>> design.n, design.r
    (27, 3)
    >>> a_hern(0.05, 0.2, saw_tooth="all larger").n
    33
    """
    designs = single_stage_designs(p0, p1, alpha=alpha, beta=beta, max_patients=max_patients, tolerance=tolerance)
    if saw_tooth == "first":
        return designs[0]
    sizes = np.array([design.n for design in designs])
    gaps = np.flatnonzero(np.diff(sizes) > 1)
    if sizes[-1] != max_patients:
        raise ValueError(f"not every number up to max_patients = {max_patients} meets the errors: allow more patients")
    return designs[int(gaps[-1]) + 1 if len(gaps) else 0]


def sargent(
    p0: float,
    p1: float,
    *,
    alpha: float = 0.1,
    beta: float = 0.1,
    eta: float = 0.8,
    pi: float = 0.8,
    min_patients: int = 1,
    max_patients: int = 200,
    tolerance: float = 0.005,
) -> ThreeOutcome:
    """Return the smallest three-outcome design of one stage.

    Parameters
    ----------
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    alpha, beta
        the most that the chance may be to find the drug worth study at p0, and to reject it at p1.
    eta, pi
        the least that the chance may be to reject it at p0, and to find it worth study at p1.
    min_patients, max_patients
        the numbers of patients to look at.
    tolerance
        by how much a chance may miss its bound.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no number of patients will do.

    Examples
    --------
    >>> design = sargent(0.05, 0.2, min_patients=20)
    >>> design.n, design.r, design.s
    (27, 2, 4)
    """
    _check(p0, p1, {"alpha": alpha, "beta": beta, "eta": eta, "pi": pi})
    for n in range(min_patients, max_patients + 1):
        counts = np.arange(n + 1)
        rejects_p0, rejects_p1 = binom.cdf(counts, n, p0), binom.cdf(counts, n, p1)
        finds_p0, finds_p1 = binom.sf(counts - 1, n, p0), binom.sf(counts - 1, n, p1)
        r = np.flatnonzero((rejects_p0 >= eta - tolerance) & (rejects_p1 <= beta + tolerance))
        s = np.flatnonzero((finds_p0 <= alpha + tolerance) & (finds_p1 >= pi - tolerance))
        pairs = [(i, j) for i in r for j in s if j > i]
        if pairs:
            low, high = min(pairs)
            return ThreeOutcome(
                n,
                int(low),
                int(high),
                float(finds_p0[high]),
                float(rejects_p1[low]),
                float(rejects_p0[low]),
                float(finds_p1[high]),
            )
    raise ValueError(f"no three-outcome design of {min_patients} to {max_patients} patients meets all four chances")
