"""What a measurement adds to a concentration, and what the assay cannot quantify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.blq import is_blq
from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


POUZIN = "Pouzin 2022, J Pharmacokinet Pharmacodyn 49:381"


@dataclass(frozen=True)
class AssayError:
    """What a measurement adds: an additive SD, in the analyte's unit, and a proportional one."""

    additive: Quantity
    proportional: Quantity

    def measure(self, rng: np.random.Generator, truth: Floats, limit: float = 0.0) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the measured values, and which lie below the ``limit`` of quantification; those have its value.

        >>> exact = AssayError(Quantity(0, "ug/mL", "assumed", "x"), Quantity(0, "1", "assumed", "x"))
        >>> values, below = exact.measure(np.random.default_rng(1), np.array([5.0, 0.2]), limit=0.5)
        >>> values.tolist(), below.tolist()
        ([5.0, 0.5], [False, True])
        """
        if not (np.isfinite(truth) & (truth >= 0)).all() or not 0 <= limit < np.inf:
            wrong = np.asarray(truth)[~(np.isfinite(truth) & (truth >= 0))]
            raise ValueError(
                f"{f'a true value is {wrong.flat[0]:g}' if wrong.size else f'limit is {limit:g}'}: it must be 0 or more"
            )
        sd = np.hypot(self.additive.value, self.proportional.value * truth)
        values = truth + sd * rng.standard_normal(truth.shape)
        below = is_blq(values, limit)
        return np.where(below, limit, values), below


def _residual(unit: str, additive: float, proportional: float) -> AssayError:
    return AssayError(Quantity(additive, unit, "retrieved", POUZIN), Quantity(proportional, "1", "retrieved", POUZIN))


ASSAY_ERRORS = {
    "adc": _residual("ug/mL", 1.03, 0.089),
    "naked": _residual("ug/mL", 0, 0.26),
    "payload": _residual("ng/mL", 0, 0.335),
    "metabolite": _residual("ng/mL", 0, 0.50),
    "dar": _residual("1", 0.219, 0),
}
"""Of each analyte."""
