"""BF-BOIN: BOIN that treats patients at lower levels, too, while a cohort is followed.

Zhao Y, Yuan Y, Korn EL, Freidlin B. Backfilling patients in phase I dose-escalation trials using Bayesian optimal
interval design (BOIN). Clin Cancer Res 2024;30:673-679. A level below the one now given is open for backfilling once a
response was seen at it or below, and closes when its DLT rate proves too high or it has patients enough. All patients
count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
from posology.designs.cohort_design import BELOW_LOWEST
from posology.designs.interval import stepped
from posology.designs.tally import NONE, DependsOn, Tally
from posology.designs.time_to_event import TiteBoin
from posology.shared.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class BfBoin(Boin):
    """The BF-BOIN design.

    Parameters
    ----------
    cap
        a level is closed for backfilling once it has so many patients.
    assign
        the open level that patients are given: the "highest" or the "lowest".
    needs_response
        whether a response must have been seen at the level, or below, to open it.

    Notes
    -----
    Backfilled patients count in all decisions, not to ``max_patients``: that limits the patients who lead the
    escalation.
    """

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.TIME

    cap: Annotated[int, Ge(1)] = 12
    assign: Literal["highest", "lowest"] = "highest"
    needs_response: bool = True

    def counts(self, tally: Tally) -> tuple[Floats, Floats]:
        """Return (trials, levels) each: patients and DLTs, of those known."""
        tally = tally.evaluable()
        return tally.treated.astype(np.float64), tally.dlts.astype(np.float64)

    def followed_counts(self, tally: Tally) -> tuple[Floats, Floats]:
        """Return (trials, levels) each: patients and DLTs by which a level closes for backfilling."""
        return self.counts(tally)

    def reaches_lambda_d(self, n: Floats, y: Floats) -> Bools:
        """Return whether the DLT rate of so many patients reaches the boundary for de-escalation."""
        return np.asarray((y >= self.lambda_d * n - BOUNDARY_TOLERANCE) & (n > 0))

    def too_high(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels whose DLT rate, and that pooled with the level above, reach lambda_d; and all
        above."""
        n, y = self.followed_counts(tally)
        unsafe = self.reaches_lambda_d(n, y) & self.reaches_lambda_d(_with_above(n), _with_above(y))
        return np.logical_or.accumulate(unsafe, axis=1)

    def propose(self, tally: Tally) -> Ints:
        """Return where to go next; where a lower level's data contradict it, by the data pooled from that level up.

        A lower level contradicts an escalation unless it, too, would be escalated from, and any other step where it
        would be de-escalated from. Pooled are the highest such level and all up to the level last given. Where the
        pooled rate reaches lambda_d, the dose goes to the highest of them whose rate, pooled from the lowest of them
        up, does not.
        """
        n, y = self.counts(tally)
        trials, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        index = np.arange(self.levels)
        steps = np.where(n > 0, self.transitions(np.maximum(n, 1), y), 1)
        own = steps[trials, here]
        contradicts = np.where(own[:, None] == 1, steps < 1, steps == -1) & (index < here[:, None]) & (n > 0)
        conflict = contradicts.any(axis=1)
        lowest = np.where(contradicts, index, NONE).max(axis=1)  # the paper's b*
        pools = (index >= lowest[:, None]) & (index <= here[:, None])
        pooled_n, pooled_y = np.cumsum(n * pools, axis=1), np.cumsum(y * pools, axis=1)
        step = self.transitions(np.maximum(pooled_n[trials, here], 1), pooled_y[trials, here])
        fits = pools & ~self.reaches_lambda_d(pooled_n, pooled_y) & (n > 0)
        lower = np.where(fits.any(axis=1), np.where(fits, index, NONE).max(axis=1), lowest - 1)
        pooled = np.select([step == 1, step == 0], [stepped(here, step, self.levels), here], lower)
        pooled = np.where(pooled == NONE, BELOW_LOWEST, pooled)
        return np.where(conflict, pooled, stepped(here, own, self.levels))

    def open_level(self, tally: Tally, responses: Ints) -> Ints:
        """Return the level at which a patient may be treated beside the escalation, ``NONE`` where there is none.

        Parameters
        ----------
        tally
            all patients treated, those still followed as pending: the cap counts everyone who was ever treated at a
            level.
        responses
            (trials, levels): tumour responses seen.
        """
        index = np.arange(self.levels)
        active = np.cumsum(responses, axis=1) > 0 if self.needs_response else np.ones_like(responses, dtype=bool)
        closed = self.too_high(tally) | (tally.treated >= self.cap)
        safe = index <= np.minimum(self.highest_safe(self.known(tally)), tally.level - 1)[:, None]
        open_ = active & ~closed & safe & (tally.treated > 0)
        if self.assign == "lowest":
            return np.where(open_.any(axis=1), open_.argmax(axis=1), NONE)
        return np.asarray(np.where(open_, index, NONE).max(axis=1))


def _with_above(counts: Floats) -> Floats:
    """Return (trials, levels): the counts of each level and the one above it."""
    return np.asarray(counts + np.concatenate([counts[:, 1:], np.zeros((len(counts), 1))], axis=1))


@dataclass(frozen=True)
class BeBoin(BfBoin, TiteBoin):
    """BE-BOIN: backfilling, and decisions that do not wait for late toxicity, by the imputed rates of TITE-BOIN."""

    USES_FOLLOW_UP: ClassVar[bool] = True

    def counts(self, tally: Tally) -> tuple[Floats, Floats]:
        """Return (trials, levels) each: patients, and the DLTs to be expected of them by the imputed rates."""
        return tally.treated.astype(np.float64), self.rates(tally) * tally.treated

    def followed_counts(self, tally: Tally) -> tuple[Floats, Floats]:
        """Return (trials, levels) each: patients, those waited for counting for the share followed, and DLTs."""
        pending, followed = self._known(tally)
        return tally.treated - pending + followed, tally.dlts.astype(np.float64)
