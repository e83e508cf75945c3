"""TITE-BOIN12: BOIN12 while patients are still followed for toxicity, for response, or for both.

Zhou Y, Lin R, Lee JJ, Li D, Wang L, Li R, Yuan Y, Statistics in Medicine 2022;41:1918-1931, by the approximate
likelihood. For each endpoint a patient still followed counts as the part of the window that has passed, so that a rate
is events over effective patients; a pending outcome w of the window on is then an event with chance
p (1 - w) / (1 - p w). Joint outcomes are expected ones: products where a dimension is pending, what was seen elsewhere.
Nobody is treated while more than half of the patients at the level are pending for either endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincc

from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.boin12 import Boin12, Evidence, JointDecision
from posology.shared.arrays import Bools, Floats

__all__ = ["FollowedPatient", "TiteBoin12"]


@dataclass(frozen=True)
class FollowedPatient:
    """A patient, as seen today.

    Parameters
    ----------
    level
        index of the dose level, from 0.
    toxicity, response
        True seen, False not seen to the end of the window, None still followed.
    toxicity_followed, response_followed
        share of each window that has passed, in [0, 1); read only where the endpoint is still followed.

    Raises
    ------
    ValueError
        if a share is out of its bounds.
    """

    level: int
    toxicity: bool | None = None
    response: bool | None = None
    toxicity_followed: float = 0.0
    response_followed: float = 0.0

    def __post_init__(self) -> None:
        for name in ("toxicity_followed", "response_followed"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: a share of the window, from 0 to 1")


@dataclass(frozen=True)
class _Endpoint:
    """One endpoint of all patients: outcomes (1, 0, nan where pending) and the share followed."""

    outcome: Floats
    followed: Floats

    @property
    def pending(self) -> Bools:
        return np.isnan(self.outcome)

    def effective(self, at: Floats) -> tuple[Floats, Floats]:
        """Return (levels,) events and effective patients; ``at`` (levels, patients) says who is at a level."""
        worth = np.where(self.pending, self.followed, 1.0)
        return at @ np.nan_to_num(self.outcome), at @ worth

    def expected(self, rate: Floats) -> Floats:
        """Return (patients,): the outcome, or its chance where pending, at each patient's rate."""
        later = rate * (1 - self.followed) / np.maximum(1 - rate * self.followed, 1e-300)
        return np.where(self.pending, later, self.outcome)


@dataclass(frozen=True)
class TiteBoin12:
    """The design.

    Parameters
    ----------
    complete
        what it is once all outcomes are known.
    max_pending
        the greatest share of the patients at the level that may be pending for an endpoint, in (0, 1].

    Raises
    ------
    ValueError
        if ``max_pending`` is out of its bounds.

    Examples
    --------
    >>> design = TiteBoin12(Boin12(levels=3, max_toxicity=0.35, min_response=0.25))
    >>> seen = FollowedPatient(0, toxicity=False, response=True)
    >>> waiting = FollowedPatient(0, toxicity=None, response=None, toxicity_followed=0.5, response_followed=0.25)
    >>> design.decide([seen, seen, waiting]).action[0] == Action.STAY
    np.True_
    >>> design.decide([seen, waiting, waiting]).action[0] == Action.WAIT
    np.True_
    """

    complete: Boin12
    max_pending: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.max_pending <= 1:
            raise ValueError(f"max_pending is {self.max_pending}: it lies above 0, up to 1")

    def evidence(self, patients: Sequence[FollowedPatient], last: int) -> Evidence:
        """Return what is known of each level of a trial, as a batch of one.

        Parameters
        ----------
        patients
            all patients treated so far.
        last
            index of the level last given.

        Raises
        ------
        ValueError
            if a patient's level does not exist.
        """
        design = self.complete
        level = np.array([patient.level for patient in patients], dtype=np.int64)
        if ((level < 0) | (level >= design.levels)).any():
            raise ValueError(f"a level is {int(level.max()) + 1}: levels are 1 to {design.levels}")
        at = (level == np.arange(design.levels)[:, None]).astype(float)
        toxicity = _Endpoint(*_columns(patients, "toxicity"))
        response = _Endpoint(*_columns(patients, "response"))
        n = at.sum(axis=1)
        t, effective_t = toxicity.effective(at)
        r, effective_r = response.effective(at)
        rate_t, rate_r = _rate(t, effective_t), _rate(r, effective_r)
        pt, pr = toxicity.expected(rate_t[level]), response.expected(rate_r[level])
        cells = np.stack([(1 - pt) * (1 - pr), (1 - pt) * pr, pt * (1 - pr), pt * pr], axis=1)
        x = at @ cells @ design.utility.of_outcomes / 100
        a, b = design.prior
        return Evidence(
            treated=n.astype(np.int64)[None],
            toxicity_rate=rate_t[None],
            overdose=np.asarray(betaincc(a + t, b + effective_t - t, design.max_toxicity))[None],
            futility=np.asarray(betainc(a + r, b + effective_r - r, design.min_response))[None],
            desirability=np.asarray(betaincc(a + x, b + n - x, design.benchmark))[None],
            level=np.array([last]),
        )

    def decide(self, patients: Sequence[FollowedPatient]) -> JointDecision:
        """Return what to do next, as a batch of one; the last patient was treated at the level last given."""
        design = self.complete
        if not patients:
            return JointDecision(np.array([Action.STAY]), np.array([design.start]))
        last = patients[-1].level
        here = [patient for patient in patients if patient.level == last]
        for endpoint in ("toxicity", "response"):
            pending = sum(getattr(patient, endpoint) is None for patient in here)
            if pending > self.max_pending * len(here):
                return JointDecision(np.array([Action.WAIT]), np.array([last]))
        evidence = self.evidence(patients, last)
        everyone_known = all(patient.toxicity is not None and patient.response is not None for patient in patients)
        decision = design.next_level(evidence)
        given = int(evidence.treated[0, max(int(decision.level[0]), 0)])
        full = len(patients) >= design.max_patients or (design.enough is not None and given >= design.enough)
        if decision.level[0] == NONE or not full:
            return decision
        if not everyone_known:
            return JointDecision(np.array([Action.WAIT]), np.array([last]))
        best = design.select(_tally(patients, design.levels))
        return JointDecision(np.where(best == NONE, Action.STOP, Action.DECLARE), best)


def _tally(patients: Sequence[FollowedPatient], levels: int) -> JointTally:
    """Return the counts of patients whose outcomes are all known."""
    counts = np.zeros((1, levels, 4), dtype=np.int64)
    for patient in patients:
        counts[0, patient.level, 2 * bool(patient.toxicity) + bool(patient.response)] += 1
    return JointTally(counts, np.array([patients[-1].level]))


def _columns(patients: Sequence[FollowedPatient], endpoint: str) -> tuple[Floats, Floats]:
    values = [getattr(patient, endpoint) for patient in patients]
    outcome = np.array([np.nan if value is None else float(value) for value in values])
    return outcome, np.array([getattr(patient, f"{endpoint}_followed") for patient in patients], dtype=float)


def _rate(events: Floats, effective: Floats) -> Floats:
    """Return events over effective patients; 0 where nothing is known yet."""
    return np.divide(events, effective, out=np.zeros_like(events), where=effective > 0)
