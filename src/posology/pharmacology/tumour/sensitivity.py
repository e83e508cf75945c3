"""How much each uncertain number of a compound matters in the tumour: Sobol indices over the priors.

The priors are those that the compound's and the target's quantities carry. The mechanistic tier rests on them; to the
reduced clinical one it is tied by :func:`calibrate_kmax`. The indices: :mod:`posology.pharmacology.uncertainty.sobol`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.tumour.model import Tumour, simulate
from posology.pharmacology.tumour.plasma_input import PlasmaInput
from posology.pharmacology.tumour.target import FOLATE_RECEPTOR_ALPHA, Target
from posology.pharmacology.uncertainty.sobol import Indices, Prior, indices, sample_points
from posology.shared.arrays import Floats

CYCLE = 21.0
SHRINKAGE = Quantity(0.0831 / 7, "/d", "computed", "kd of the sum of diameters at 6 mg/kg, calibrated to MIRASOL")


def kill_rate_constant(tumour: Tumour, drive: PlasmaInput, dose: float, duration: float = 0.1) -> Floats:
    """Return the rate at which a dose [mg] shrinks the sum of diameters, (patients,) [/d]: kd, the mean of a first
    cycle.

    Without growth and resistance, which the reduced tier has terms for. However long the payload stays in the tumour:
    at steady state it is still right to a few per cent.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853
    >>> drive, tumour = Tumour.of(IMGN853)
    >>> float((7 * kill_rate_constant(calibrate_kmax(tumour, drive, 355), drive, 355)).round(4)[0])  # /wk
    0.0831
    """
    still = replace(tumour, growth=0.0, resistance=0.0)
    course = simulate(still, drive, Doses([0.0], dose, duration), [CYCLE], lingers=np.inf)
    return np.asarray(-np.log(course.diameter[:, 0]) / CYCLE)


def calibrate_kmax(tumour: Tumour, drive: PlasmaInput, dose: float, target: float = SHRINKAGE.value) -> Tumour:
    """Return the tumour with kmax such that a dose [mg] shrinks it at the target rate [/d].

    ``tumour`` is one patient, the typical one. kmax is then computed, from numbers most of which are assumed.

    Raises
    ------
    ValueError
        if no kmax gives that rate, because too few cells are reached.
    """
    from scipy.optimize import brentq

    if tumour.patients != 1 or len(drive.rates) != 1:
        raise ValueError("calibrate the typical patient: one tumour, one drive")

    def miss(log_kmax: float) -> float:
        return float(kill_rate_constant(replace(tumour, kmax=math.exp(log_kmax)), drive, dose)[0] - target)

    low, high = math.log(1e-5), math.log(50.0)
    if miss(high) < 0:
        raise ValueError(
            f"no kmax up to 50 /d shrinks the tumour by {target:g} /d; {miss(high) + target:.2g} /d at most: "
            "the drug reaches too few cells"
        )
    return replace(tumour, kmax=math.exp(brentq(miss, low, high, xtol=1e-8)))


@dataclass(frozen=True)
class SobolIndex:
    """How much a number matters for a result: first and total index, with 95 % half-widths; and how the number is
    known."""

    name: str
    quantity: Quantity
    first: float
    first_half_width: float
    total: float
    total_half_width: float

    @classmethod
    def ranked(cls, varied: Mapping[str, Prior], found: Indices) -> list[SobolIndex]:
        """Return one for each number, the greatest total index first."""
        rows = [
            cls(
                name,
                prior.quantity,
                float(found.first[j]),
                float(found.first_half_width[j]),
                float(found.total[j]),
                float(found.total_half_width[j]),
            )
            for j, (name, prior) in enumerate(varied.items())
        ]
        return sorted(rows, key=lambda row: -row.total)


def priors(
    compound: Compound, target: Target = FOLATE_RECEPTOR_ALPHA, cv: Mapping[str, float] | None = None
) -> dict[str, Prior]:
    """Return the uncertain numbers by name: those with a cv, of the compound and of the target.

    ``cv`` changes how uncertain a number is: 0 leaves it as it is, another makes one uncertain that was not.

    Raises
    ------
    ValueError
        if ``cv`` names no number, or one that cannot be varied.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853
    >>> str(priors(IMGN853)["target.copies"].quantity)
    '4e+05 [M]'
    >>> "antibody.kon" in priors(IMGN853, cv={"antibody.kon": 0})
    False
    """
    held = compound.quantities() | {"target.copies": target.copies[3], "target.kdeg": target.kdeg}
    held = {name: q for name, q in held.items() if "fractions" not in name}

    def of(name: str) -> Any:
        return "above 1" if name.endswith(".pgp") else "odds" if name in SHARES else "log-normal"

    return with_assumed_cv({name: (q, of(name)) for name, q in held.items()}, cv)


SHARES = ("antibody.void", "payload.void", "linker.catabolised", "payload.fr")


def with_assumed_cv(held: Mapping[str, tuple[Quantity, Any]], cv: Mapping[str, float] | None) -> dict[str, Prior]:
    """Return the priors of quantities and their kinds: of those that are uncertain, as stated or by ``cv``."""
    given = dict(cv or {})
    if unknown := [name for name in given if name not in held]:
        near = get_close_matches(unknown[0], held, n=1, cutoff=0.5)
        raise ValueError(
            f"{unknown[0]} is no number that can be varied here: "
            + (f"did you mean {near[0]}?" if near else f"there are {', '.join(held)}")
        )
    found = {}
    for name, (quantity, kind) in held.items():
        wide = replace(quantity, cv=given.get(name, quantity.cv))
        if wide.cv > 0:
            try:
                found[name] = Prior(wide, kind, "given by the user" if name in given else "stated with the number")
            except ValueError as wrong:
                raise ValueError(f"{name}: {wrong}") from None
    if not found:
        raise ValueError("no number is uncertain: there is nothing to compare; give one a cv")
    return found


def sobol_indices(
    compound: Compound,
    dose: float,
    *,
    samples: int = 512,
    seed: int = 1,
    pumps: float = 0.0,
    positive: float = 0.8,
    target: Target = FOLATE_RECEPTOR_ALPHA,
    cv: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> list[SobolIndex]:
    """Return the Sobol indices of the shrinkage by a dose [mg], its logarithm, the greatest total index first.

    Parameters
    ----------
    compound, target
        whose priors are varied.
    dose
        of the conjugate [mg].
    samples
        a power of 2; the model is run samples x (numbers + 2) times.
    seed
        of the sequence: the same seed, the same result.
    pumps
        how far positive cells pump by P-gp: where not at all, the P-gp factors do not matter.
    positive
        share of the cells that bear the target.
    cv
        in place of those stated, see :func:`priors`.
    level
        of the bootstrap intervals.
    """
    varied = priors(compound, target, cv)
    z = sample_points(len(varied), samples, seed)
    factors = {name: prior.at(z[:, j]) / prior.quantity.value for j, (name, prior) in enumerate(varied.items())}
    copies, kdeg = (factors.pop(name, np.ones(len(z))) for name in ("target.copies", "target.kdeg"))
    receptor = target.expression([[0, 0, 0, 1.0]])[0] * copies
    drive, tumour = Tumour.of(
        compound, receptor=receptor, positive=positive, pumps=pumps, target=target, factors=factors
    )
    tumour = replace(tumour, kdeg=target.kdeg.value * kdeg)
    result = np.log(np.maximum(kill_rate_constant(tumour, drive, dose), 1e-12))
    return SobolIndex.ranked(varied, indices(result, len(varied), seed, level))
