"""BF-BOIN: BOIN that treats patients at lower levels, too, while a cohort is followed.

Zhao Y, Yuan Y, Korn EL, Freidlin B. Backfilling patients in phase I dose-escalation trials using Bayesian optimal interval
design (BOIN). Clin Cancer Res 2024;30:673-679. A level below the one now given is open for backfilling once a response
was seen at it or below, and closes when its DLT rate proves too high or it has patients enough. All patients count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
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
    Backfilled patients count in all decisions, not to ``max_patients``: that limits the patients who lead the escalation.
    """

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.TIME

    cap: Annotated[int, Ge(1)] = 12
    assign: Literal["highest", "lowest"] = "highest"
    needs_response: bool = True

    def too_high(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels whose DLT rate, and the rate pooled with the level above, reach lambda_d."""
        return self._too_high(tally.treated.astype(np.float64), tally.dlts.astype(np.float64))

    def _too_high(self, n: Floats, y: Floats) -> Bools:
        above = lambda a: np.concatenate([a[:, 1:], np.zeros((len(a), 1), dtype=a.dtype)], axis=1)
        pooled_n, pooled_y = n + above(n), y + above(y)
        reaches = lambda count, size: (count >= self.lambda_d * size - BOUNDARY_TOLERANCE) & (size > 0)
        return np.asarray(reaches(y, n) & reaches(pooled_y, pooled_n))

    def open_level(self, tally: Tally, responses: Ints) -> Ints:
        """Return the level at which a patient may be treated beside the escalation, ``NONE`` where there is none.

        ``responses`` (trials, levels): tumour responses seen.
        """
        index = np.arange(self.levels)
        active = np.cumsum(responses, axis=1) > 0 if self.needs_response else np.ones_like(responses, dtype=bool)
        closed = self.too_high(tally) | self.eliminated(tally) | (tally.treated >= self.cap)
        open_ = (
            active & ~closed & (index < tally.level[:, None]) & (index <= tally.ceiling[:, None]) & (tally.treated > 0)
        )
        if self.assign == "lowest":
            return np.where(open_.any(axis=1), open_.argmax(axis=1), NONE)
        return np.asarray(np.where(open_, index, NONE).max(axis=1))


@dataclass(frozen=True)
class BeBoin(BfBoin, TiteBoin):
    """BE-BOIN: backfilling, and decisions that do not wait for late toxicity, by the imputed rates of TITE-BOIN."""

    def too_high(self, tally: Tally) -> Bools:
        """Return (trials, levels): as for BF-BOIN, patients waited for counting for the share followed."""
        if tally.pending is None:
            return super().too_high(tally)
        pending, followed = self._known(tally)
        return self._too_high(tally.treated - pending + followed, tally.dlts.astype(np.float64))
