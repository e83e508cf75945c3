"""The target on tumour cells: how much of it an IHC score stands for, and how fast cells renew it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import ArrayLike, Floats

AVOGADRO = 6.02214076e23


@dataclass(frozen=True)
class Target:
    """The target on tumour cells: what an IHC score stands for.

    Parameters
    ----------
    copies
        receptors on a cell that scores 0, 1, 2, 3.
    density
        cells in a litre of tumour.
    kdeg
        turnover of the receptor [/d].
    """

    copies: tuple[Quantity, Quantity, Quantity, Quantity]
    density: Quantity
    kdeg: Quantity

    def expression(self, shares: ArrayLike) -> tuple[Floats, Floats]:
        """Return (patients,) each: receptor around the positive cells [nM], and their share of the cells.

        Parameters
        ----------
        shares
            (patients, 4): the share of cells that score 0, 1, 2, 3; each row sums to 1. Cells that score 0 are
            negative.

        Examples
        --------
        >>> receptor, share = FOLATE_RECEPTOR_ALPHA.expression([[0.1, 0.1, 0.2, 0.6]])
        >>> float(receptor.round(1)[0]), float(share[0])
        (48.7, 0.9)
        """
        given = np.atleast_2d(np.asarray(shares, dtype=np.float64))
        wrong = (given.shape[1] != 4) or ~(
            np.isfinite(given).all(axis=1) & (given >= 0).all(axis=1) & (abs(given.sum(axis=1) - 1) < 1e-6)
        )
        if np.any(wrong):
            raise ValueError(
                f"patient {int(np.argmax(wrong)) + 1}: the shares of cells that score 0, 1, 2, 3 are "
                f"{given[int(np.argmax(wrong))].tolist()}: they must be four, 0 or more, and sum to 1"
            )
        positive = given[:, 1:].sum(axis=1)
        copies = given[:, 1:] @ np.array([c.value for c in self.copies[1:]])
        mean = np.divide(copies, positive, out=np.full_like(copies, self.copies[1].value), where=positive > 0)
        return mean * self.density.value / AVOGADRO * 1e9, positive


UNSOURCED = "no number of the target is public; prior quoted from memory, to be checked"
FOLATE_RECEPTOR_ALPHA = Target(
    copies=(
        Quantity(0, "1", "assumed", "a cell that scores 0 bears none"),
        Quantity(4e4, "1", "from memory", UNSOURCED, cv=1),
        Quantity(1e5, "1", "from memory", UNSOURCED, cv=1),
        Quantity(4e5, "1", "from memory", UNSOURCED, cv=1),
    ),
    density=Quantity(1e11, "/L", "assumed", "cells fill about half of a tumour, 2e-12 to 5e-12 L each"),
    kdeg=Quantity(0.61, "/d", "assumed", "turned over as fast as the complex is internalised", cv=1),
)
