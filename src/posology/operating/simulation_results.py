"""What simulated trials came to, each figure with its Monte Carlo error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.designs.tally import NONE
from posology.operating.characteristics import ENDINGS
from posology.operating.true_mtd import acceptable, accuracy_index, true_mtd
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.tables import Table

if TYPE_CHECKING:
    import altair


@dataclass(frozen=True)
class SimulationResults:
    """Simulated trials: one a row.

    Parameters
    ----------
    treated, toxic
        (trials, levels): patients and DLTs by level, drop-outs included.
    mtd
        (trials,): index of the level declared, ``NONE`` where none is.
    duration
        (trials,): days from the start to the last patient's being known.
    lost
        (trials,): patients who left before they were known.
    truth
        (levels,): the true DLT rates.
    later
        (trials, levels): patients whose DLT comes after the window, where patients carry a drug; the trial misses them.
    backfilled
        (trials, levels): of the patients treated, those treated beside the escalation.
    responses
        (trials, levels): patients whose tumour responds.
    """

    treated: Ints
    toxic: Ints
    mtd: Ints
    duration: Floats
    lost: Ints
    truth: Floats
    later: Ints
    backfilled: Ints
    responses: Ints

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(self.mtd)

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return int(self.treated.shape[1])

    @property
    def selection(self) -> Floats:
        """(levels + 1,): share of the trials in which no level (first), or each level, is declared the MTD."""
        return np.bincount(self.mtd + 1, minlength=self.levels + 1) / self.trials

    @property
    def selection_error(self) -> Floats:
        """(levels + 1,): standard errors of the shares."""
        return np.asarray(np.sqrt(self.selection * (1 - self.selection) / self.trials))

    @property
    def patients(self) -> Floats:
        """(levels,): mean patients."""
        return np.asarray(self.treated.mean(axis=0))

    @property
    def patients_error(self) -> Floats:
        """(levels,): standard errors of the means."""
        return np.asarray(self.treated.std(axis=0) / np.sqrt(self.trials))

    @property
    def dlts(self) -> Floats:
        """(levels,): mean DLTs."""
        return np.asarray(self.toxic.mean(axis=0))

    @property
    def dlts_error(self) -> Floats:
        """(levels,): standard errors of the means."""
        return np.asarray(self.toxic.std(axis=0) / np.sqrt(self.trials))

    @property
    def mean_duration(self) -> tuple[float, float]:
        """Mean duration in days, and its standard error."""
        return float(self.duration.mean()), float(self.duration.std() / np.sqrt(self.trials))

    @property
    def obd(self) -> Ints:
        """(trials,): the level with the highest observed response rate, up to the MTD, the lower of two alike;
        ``NONE``.

        ``NONE`` where there is no MTD, or nobody responded up to it.
        """
        upto = (np.arange(self.levels) <= self.mtd[:, None]) & (self.treated > 0)
        rate = np.where(upto, self.responses / np.maximum(self.treated, 1), 0.0)
        return np.where(rate.max(axis=1) > 0, rate.argmax(axis=1), NONE)

    @property
    def obd_selection(self) -> Floats:
        """(levels + 1,): share of the trials in which no level (first), or each level, is chosen as OBD; see
        :attr:`obd`."""
        return np.bincount(self.obd + 1, minlength=self.levels + 1) / self.trials

    def table(self) -> Table:
        """Return a row for each level, and one for no level: level 0; every figure with its standard error."""

        def none(values: Iterable[float]) -> list[float]:
            return [0.0, *map(float, values)]

        return Table(
            f"{self.trials:,} simulated trials",
            {
                "level": list(range(self.levels + 1)),
                "true rate": none(self.truth),
                "selected": self.selection.tolist(),
                "± selected": self.selection_error.tolist(),
                "patients": none(self.patients),
                "± patients": none(self.patients_error),
                "DLTs": none(self.dlts),
                "± DLTs": none(self.dlts_error),
            },
        )

    def plot(self) -> altair.Chart:
        """Return bars of the share of trials in which each level is declared the MTD; level 0: no level."""
        return self.table().plot("level", "selected")

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def true_mtd(self, target: float) -> int:
        """Return the level that is right to select; see :func:`posology.operating.true_mtd.true_mtd`."""
        return int(true_mtd(self.truth, target)[0])

    def correct(self, target: float) -> tuple[float, float]:
        """Return the share of the trials that select it, or none where that is right, and its standard error."""
        at = self.true_mtd(target) + 1
        return float(self.selection[at]), float(self.selection_error[at])

    def within(self, low: float, high: float) -> tuple[float, float]:
        """Return the share of trials whose MTD has a true rate in a range; none, where no level has; and its standard
        error."""
        right = acceptable(self.truth[None], low, high)[0]
        return share_of(right[self.mtd + 1])

    def endings(self, planned: int | None) -> dict[str, tuple[float, float]]:
        """Return, for each reason why a trial ends, the share of the trials and its standard error.

        ``planned``: the number of patients after which the design ends, None where it has no such number.
        """
        reached = self.planned_reached(planned)
        found = self.mtd != NONE
        parts = [~found, found & ~reached, *([found & reached] if planned is not None else [])]
        return {name: share_of(part) for name, part in zip(ENDINGS, parts, strict=False)}

    def planned_reached(self, planned: int | None) -> Bools:
        """(trials,): whether as many patients as planned were treated in the escalation and known."""
        if planned is None:
            return np.zeros(self.trials, dtype=bool)
        return np.asarray(self.treated.sum(axis=1) - self.lost - self.backfilled.sum(axis=1) >= planned)

    def overdosed(self, target: float, share: float = 0.6) -> tuple[float, float]:
        """Return the share of the trials that treat more than a share of their patients above it, and its standard
        error."""
        above = self.treated[:, self.true_mtd(target) + 1 :].sum(axis=1) > share * self.treated.sum(axis=1)
        return share_of(above)

    def accuracy(self, target: float) -> float:
        """Return the accuracy index of the selection; see :func:`posology.operating.true_mtd.accuracy_index`."""
        return float(accuracy_index(self.truth[None], self.selection[None], target)[0])


def share_of(trials: Bools) -> tuple[float, float]:
    """Return the share of trials of which something holds, and its standard error."""
    p = float(trials.mean())
    return p, float(np.sqrt(p * (1 - p) / len(trials)))
