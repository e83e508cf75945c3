"""Designs that do not wait for late toxicity: patients still followed count for the share of the window they have been.

TITE-CRM: Cheung YK, Chappell R. Sequential designs for phase I clinical trials with late-onset toxicities. Biometrics
2000;56:1177-1182. TITE-BOIN: Yuan Y, Lin R, Li D, Nie L, Warren KE. Time-to-event Bayesian optimal interval design to
accelerate phase I trials. Clin Cancer Res 2018;24:4921-4930. Rolling six: Skolnik JM, Barrett JS, Jayaraman B, Patel D,
Adamson PC. Shortening the timeline of pediatric phase I trials: the rolling six design. J Clin Oncol 2008;26:190-195.

Without patients waited for, each is the design it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
from posology.designs.crm import Crm
from posology.designs.dose_finding import DoseFinding, chosen, highest_tried
from posology.designs.interval import stepped
from posology.designs.tally import NONE, Action, Decision, DependsOn, Tally
from posology.designs.three_plus_three import highest_tolerated
from posology.shared.arrays import Bools, Floats, Ints


def weights(fraction: Floats, dlt_at: Floats, scheme: Literal["linear", "adaptive"]) -> Floats:
    """Return (trials, slots): what a patient without DLT, followed for a share of the window, counts.

    Parameters
    ----------
    fraction
        (trials, slots): share of the window followed.
    dlt_at
        (trials, k): shares of the window at which DLTs came, NaN where there is none.
    scheme
        "linear": the share itself; "adaptive": the weights grow where the DLTs seen came (Cheung and Chappell, section
        4).

    Examples
    --------
    >>> weights(np.array([[0.25, 0.75]]), np.array([[0.5, np.nan]]), "adaptive")
    array([[0.25, 0.75]])
    >>> weights(np.array([[0.25, 0.75]]), np.array([[0.8, 0.9]]), "adaptive").round(3)
    array([[0.104, 0.312]])
    """
    if scheme == "linear":
        return fraction
    ends = np.sort(np.where(np.isnan(dlt_at), 1.0, dlt_at), axis=1)
    z = (~np.isnan(dlt_at)).sum(axis=1, keepdims=True)
    zero, one = np.zeros((len(fraction), 1)), np.ones((len(fraction), 1))
    ends = np.concatenate([zero, ends, one], axis=1)  # t_0 = 0, the DLTs in order, then 1
    m = np.minimum((ends[:, None, 1:-1] <= fraction[:, :, None]).sum(axis=2), z)
    low = np.take_along_axis(ends, m, axis=1)
    high = np.take_along_axis(ends, np.minimum(m + 1, ends.shape[1] - 1), axis=1)
    part = np.where(high > low, (fraction - low) / np.where(high > low, high - low, 1.0), 1.0)
    return np.asarray(np.minimum((m + part) / (z + 1), 1.0))


@dataclass(frozen=True)
class TiteCrm(Crm):
    """The TITE-CRM: a patient without DLT followed for a share of the window enters the likelihood as 1 - w p.

    Parameters
    ----------
    weight
        "linear" in the share of the window, or "adaptive" to when DLTs came.

    Examples
    --------
    >>> from posology.designs import Tally, PendingPatients
    >>> design = TiteCrm(5, 0.25, skeleton=(0.05, 0.12, 0.25, 0.40, 0.55), cohort=1)
    >>> tally = Tally.of("1NNN 2NNN 3NNT", 5)
    >>> half = tally.with_pending(PendingPatients([[2, 2]], [[0.5, 0.5]]))  # two at level 3 half way through their window
    >>> design.mean_rates(tally)[0, 2].round(3), design.mean_rates(half)[0, 2].round(3)
    (np.float64(0.213), np.float64(0.245))
    """

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.TIME
    USES_FOLLOW_UP: ClassVar[bool] = True

    weight: Literal["linear", "adaptive"] = "linear"

    def log_posterior(self, tally: Tally) -> Floats:
        """Return (trials, nodes): the log of the posterior's weights, not normalised."""
        if tally.pending is None:
            return super().log_posterior(tally)
        log = self.grid.likelihood(tally.treated - tally.pending.count(self.levels), tally.dlts)
        w = weights(tally.pending.fraction, tally.pending.dlt_at, self.weight)
        for slot in range(w.shape[1]):
            at = tally.pending.level[:, slot]
            rows = np.flatnonzero(at != NONE)
            log[rows] += np.log1p(-w[rows, slot, None] * self.grid.p[at[rows]])
        return log

    def _log_likelihood(self, tally: Tally, beta: Floats) -> Floats:
        if tally.pending is None:
            return super()._log_likelihood(tally, beta)
        log_p, log_q = self.logs(beta)
        done = tally.treated - tally.pending.count(self.levels)
        log = (tally.dlts * log_p + (done - tally.dlts) * log_q).sum(axis=1)
        w = weights(tally.pending.fraction, tally.pending.dlt_at, self.weight)
        p = np.take_along_axis(np.exp(log_p), np.maximum(tally.pending.level, 0), axis=1)
        return np.asarray(log + np.log1p(-np.where(tally.pending.level != NONE, w * p, 0.0)).sum(axis=1))


@dataclass(frozen=True)
class TiteBoin(Boin):
    """The TITE-BOIN design: BOIN's boundaries on a rate to which each patient waited for adds what is to be expected of
    him.

    Parameters
    ----------
    impute
        "expected": the paper's single imputation, the odds of a DLT times the follow-up outstanding added to the DLTs;
        "effective": DLTs by the effective number of patients, those waited for counting for the share followed.
    max_pending
        nobody is treated while more than this share of the patients at the level is waited for.

    Notes
    -----
    Levels are eliminated on the patients known, those waited for counting for the share followed.

    Examples
    --------
    >>> from posology.designs import Tally, PendingPatients
    >>> design = TiteBoin(levels=4, target=0.3)
    >>> tally = Tally.of("1NNN 2NNN 2NNT", 4).with_pending(PendingPatients([[1, 1]], [[0.2, 0.6]]))
    >>> design.rate(tally).round(3)
    array([0.226])
    >>> design.decide(tally).level
    array([2])
    """

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.TIME
    USES_FOLLOW_UP: ClassVar[bool] = True
    REASONS: ClassVar[tuple[str, ...]] = tuple(
        reason.replace("had a DLT, ", "had a DLT so far; with what is to be expected of those followed, ")
        for reason in Boin.REASONS
    )

    impute: Literal["expected", "effective"] = "expected"
    max_pending: Annotated[float, Gt(0), Le(1)] = 0.5

    def _known(self, tally: Tally) -> tuple[Ints, Floats]:
        """Return pending patients and their follow-up, (trials, levels) each."""
        if tally.pending is None:
            nothing = np.zeros(tally.treated.shape, dtype=np.int64)
            return nothing, nothing.astype(np.float64)
        return tally.pending.count(self.levels), tally.pending.windows_followed(self.levels)

    def rate(self, tally: Tally) -> Floats:
        """Return (trials,): the DLT rate at the level last given that is compared with the boundaries."""
        return self.rates(tally)[np.arange(tally.trials), np.maximum(tally.level, 0)]

    def rates(self, tally: Tally) -> Floats:
        """Return (trials, levels): the DLT rate at each level, with what is to be expected of patients still
        followed."""
        pending, followed = self._known(tally)
        n, y = tally.treated, tally.dlts
        if self.impute == "effective":
            known = n - pending + followed
            return np.asarray(y / np.where(known > 0, known, 1.0))
        # the rate that the patients known suggest, under a prior worth one patient with the target as its mean
        guess = (y + self.target / 2) / (n - pending + 1)
        outstanding = guess / (1 - guess) * (pending - followed)
        return np.asarray(np.minimum((y + outstanding) / np.maximum(n, 1), 1.0))

    def eliminated(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels too toxic, or above one that is."""
        if tally.pending is None:
            return super().eliminated(tally)
        from scipy.special import betainc

        pending, followed = self._known(tally)
        known = tally.treated - pending + followed
        tail = 1 - betainc(1 + tally.dlts, 1 + known - tally.dlts, self.target)
        cutoff = np.full(self.levels, self.elimination)
        cutoff[0] -= self.extra_safe
        return np.logical_or.accumulate((tail > cutoff) & (tally.treated >= self.eliminate_from), axis=1)

    def must_wait(self, tally: Tally) -> Bools:
        """Return whether more than the allowed share of the level's patients is waited for."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        pending = self._known(tally)[0][rows, here]
        out = self.eliminated(tally)[rows, here]
        return (pending > self.max_pending * tally.treated[rows, here] + BOUNDARY_TOLERANCE) & ~out

    def propose(self, tally: Tally) -> Ints:
        """Return where to go next by the imputed rate at the level."""
        if tally.pending is None:
            return super().propose(tally)
        here, rate = np.maximum(tally.level, 0), self.rate(tally)
        up, down = rate <= self.lambda_e + BOUNDARY_TOLERANCE, rate >= self.lambda_d - BOUNDARY_TOLERANCE
        return stepped(here, np.select([down, up], [-1, 1], 0), self.levels)


ROLLING_REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{dlt} of {n} patients at level {level} had a DLT so far: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT and nobody is waited for: escalate",
    "{n} patients were treated at level {level}: nobody more until those followed are known",
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated there or below: {more} more at level"
        " {next}, to make it six"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated there or below, and level {next} was"
        " tolerated: it is the MTD"
    ),
    "{dlt} of {n} patients at level {level} had a DLT, and no higher level may be given: level {next} is the MTD",
    (
        "{dlt} of {n} patients at level {level} had a DLT, and the lowest level has shown more than tolerated: no level"
        " is safe enough"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated there or below: nobody more until those"
        " followed at level {next} are known"
    ),
)
START, ONE_MORE, UP, HOLD, DOWN, MTD_BELOW, MTD_HERE, NO_LEVEL, HOLD_BELOW = range(len(ROLLING_REASONS))


@dataclass(frozen=True)
class RollingSix(DoseFinding):
    """The rolling six design: two to six patients at a level at once, decided on as each is known.

    The dose goes up when all of three, four or five patients are known to have no DLT, or when at most one of six can
    have one, those waited for counted; with two DLTs the level exceeds the MTD. Patients come one by one.

    Parameters
    ----------
    levels
        number of dose levels.
    start
        index of the level to start at.

    Examples
    --------
    >>> from posology.designs import Tally, PendingPatients
    >>> design = RollingSix(levels=3)
    >>> tally = Tally.of("1NNN", 3)
    >>> design.decide(tally).level, design.decide(tally.with_pending(PendingPatients([[0]], [[0.5]]))).level
    (array([1]), array([0]))
    """

    levels: Annotated[int, Ge(1)]
    start: Annotated[int, Ge(0)] = 0

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.TIME
    USES_FOLLOW_UP: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return 6

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor exceeded, with none exceeded below it."""
        return np.minimum(highest_tolerated(tally), tally.ceiling)

    def bars_the_way_up(self, tally: Tally) -> Bools:
        """Return whether a DLT among fewer than six, or more than one in six, bars the way up."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.dlts[rows, here]
        return np.asarray((6 * dlt > np.maximum(n, 6)) | ((dlt > 0) & (n < 6)))

    def rule(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        nobody = np.zeros_like(tally.treated)
        pending = nobody if tally.pending is None else tally.pending.count(self.levels)
        waits, begins = pending[rows, here], tally.level == NONE
        safe, above = self.highest_safe(tally), np.minimum(here + 1, self.levels - 1)
        lower = np.maximum(safe, 0)
        n_lower, waits_lower = tally.treated[rows, lower], pending[rows, lower]
        over, may_rise = here > safe, here < safe
        clear = ((n >= 3) & (y == 0) & (waits == 0)) | ((n >= 6) & (6 * (y + waits) <= n))
        ends = (waits == 0) & ((clear & ~may_rise & (here == self.levels - 1)) | (n >= 6))
        why = np.select(
            [
                begins & (tally.ceiling >= 0),
                begins | (safe == NONE),
                over & (n_lower >= 6) & (waits_lower > 0),
                over & (n_lower >= 6),
                over,
                clear & may_rise,
                ends,
                n < 6,
            ],
            [START, NO_LEVEL, HOLD_BELOW, MTD_BELOW, DOWN, UP, MTD_HERE, ONE_MORE],
            HOLD,
        )
        start, none = np.minimum(self.start, tally.ceiling), np.full_like(here, NONE)
        stay, declare = Action.STAY, Action.DECLARE
        outcome: dict[int, tuple[Action, Ints, Ints | int]] = {
            START: (stay, start, 1),
            ONE_MORE: (stay, here, 1),
            UP: (Action.ESCALATE, above, 1),
            HOLD: (Action.WAIT, here, 0),
            DOWN: (Action.DEESCALATE, lower, 1),
            MTD_BELOW: (declare, lower, 0),
            MTD_HERE: (declare, here, 0),
            NO_LEVEL: (Action.STOP, none, 0),
            HOLD_BELOW: (Action.WAIT, lower, 0),
        }
        return chosen(why, outcome, ROLLING_REASONS)

    def mtd(self, tally: Tally) -> Ints:
        """Return the highest level tried, not exceeded and below every exceeded one."""
        return highest_tried(tally, self.highest_safe(tally))
