"""EWOC, escalation with overdose control.

Babb J, Rogatko A, Zacks S. Cancer phase I clinical trials: efficient dose escalation with overdose control. Stat Med
1998;17:1103-1120. A logistic curve through rho, the DLT rate at the lowest dose, and the MTD gamma, at which the rate
is the target theta: logit p(d) = logit rho + (logit theta - logit rho) (d - d_min) / (gamma - d_min). The next dose is
the highest at which the chance of exceeding the MTD is at most alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.model_based import Grid, ModelBasedDesign, legendre_below, logit
from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Floats, Ints

RHO_NODES, MTD_NODES = 24, 96


@dataclass(frozen=True)
class Ewoc(ModelBasedDesign):
    """EWOC on dose levels.

    Parameters
    ----------
    levels, target, start, cohort, max_patients, stop_at, stop_when
        see :class:`posology.designs.cohort_design.CohortDesign`; the target is the paper's theta.
    no_skipping, coherent, stop_toxic, stop_toxic_from
        see :class:`posology.designs.model_based.ModelBasedDesign`.
    doses
        the dose at each level, rising.
    overdose
        the paper's alpha: the highest chance of exceeding the MTD at which a dose may be given.
    mtd_range
        the lowest and highest dose that the MTD may be; the lowest and highest level's where not given.
    mtd_prior, rho_prior
        beta priors: of the MTD over its range, of rho over (0, target).

    Examples
    --------
    >>> design = Ewoc(levels=5, target=0.33, doses=(20, 30, 40, 60, 80), mtd_range=(20, 100))
    >>> tally = Tally.of("1NN 2NT", levels=5)
    >>> float(design.next_dose(tally)[0].round(2))
    36.37
    """

    doses: tuple[Annotated[float, Gt(0)], ...] = ()
    overdose: Annotated[float, Gt(0), Lt(1)] = 0.25
    mtd_range: tuple[float, float] | None = None
    mtd_prior: tuple[float, float] = (1.0, 1.0)
    rho_prior: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.doses) != self.levels:
            raise ValueError(f"doses has {len(self.doses)} doses: give one for each of the {self.levels} levels")
        if any(np.diff(self.doses) <= 0):
            raise ValueError(f"doses is {self.doses}: each must lie above the one before")
        if not self.range[0] < self.range[1] or self.doses[0] < self.range[0]:
            raise ValueError(
                f"mtd_range is {self.range}: a range that starts at or below the lowest dose {self.doses[0]:g}"
            )
        if min(*self.mtd_prior, *self.rho_prior) < 1:
            raise ValueError("mtd_prior and rho_prior are beta priors without a pole: parameters of 1 or more")

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest dose that the MTD may be."""
        return self.mtd_range or (self.doses[0], self.doses[-1])

    @cached_property
    def grid(self) -> Grid:
        """The model on its nodes: rho by MTD, Gauss-Legendre in both."""
        low, high = self.range
        u, u_weight = np.polynomial.legendre.leggauss(RHO_NODES)
        v, v_weight = np.polynomial.legendre.leggauss(MTD_NODES)
        u, v = (u + 1) / 2, (v + 1) / 2

        def beta(x: Floats, a: float, b: float) -> Floats:
            return (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)

        log_u = np.log(u_weight) + beta(u, *self.rho_prior)
        log_v = np.log(v_weight) + beta(v, *self.mtd_prior)
        rho = self.target * u[:, None, None]
        mtd = low + (high - low) * v[:, None]
        line = logit(rho) + (logit(self.target) - logit(rho)) * (np.array(self.doses) - low) / (mtd - low)
        line = line.reshape(-1, self.levels)
        weight = (log_u[:, None] + log_v).ravel()
        return Grid((-np.logaddexp(0, -line)).T.copy(), (-np.logaddexp(0, line)).T.copy(), weight)

    def _mtd_below(self, doses: Floats) -> Floats:
        """Return (nodes, doses): what to expect to find Pr(MTD < dose)."""
        low, high = self.range
        x = np.clip(2 * (doses - low) / (high - low) - 1, -1, 1)
        return np.tile(legendre_below(x, MTD_NODES), (RHO_NODES, 1))

    def exceedance_weights(self, rate: float | Floats) -> Floats:
        """Return (nodes, levels): what to expect to find Pr(p > rate): given rho, the MTD lies below a bound."""
        low, high = self.range
        u = (np.polynomial.legendre.leggauss(RHO_NODES)[0] + 1) / 2
        rho = self.target * u[:, None]
        rise = np.maximum(logit(rate) - logit(rho), 1e-12)  # a rate below rho's is exceeded at every dose
        bound = low + (logit(self.target) - logit(rho)) * (np.array(self.doses) - low) / rise
        x = np.clip(2 * (bound - low) / (high - low) - 1, -1, 1)
        x = np.where(rate < rho, 1.0, x)
        below = legendre_below(x.ravel(), MTD_NODES).reshape(MTD_NODES, RHO_NODES, self.levels)
        return below.transpose(1, 0, 2).reshape(-1, self.levels)

    @cached_property
    def _at_levels(self) -> Floats:
        return self._mtd_below(np.array(self.doses))

    @cached_property
    def _looked_at(self) -> Floats:
        return np.concatenate([self._at_levels, self._lowest_exceeds], axis=1)

    def look(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return, as both, the highest level whose chance of exceeding the MTD is at most ``overdose``."""
        chances = self.expect(tally, self._looked_at)
        safe = (chances[:, :-1] <= self.overdose + 1e-9).cumprod(axis=1).sum(axis=1) - 1
        safe = np.where(self.stops(tally, chances[:, -1]), NONE, safe)
        return safe, safe

    def next_dose(self, tally: Tally) -> Floats:
        """Return (trials,): the alpha quantile of the MTD's posterior, the dose itself, between levels too."""
        steps = np.linspace(*self.range, 1025)
        chance = self.expect(tally, self._mtd_below(steps))
        chance = np.maximum.accumulate(np.clip(chance, 0, 1), axis=1)
        return np.array([np.interp(self.overdose, row, steps) for row in chance])

    def mean_mtd(self, tally: Tally) -> Floats:
        """Return (trials,): the posterior mean of the MTD."""
        low, high = self.range
        v = (np.polynomial.legendre.leggauss(MTD_NODES)[0] + 1) / 2
        return self.expect(tally, np.tile(low + (high - low) * v, RHO_NODES)[:, None])[:, 0]
