"""How much each uncertain number of a compound matters in the tumour: Sobol indices over the priors.

Sobol IM, Math Comput Simul 2001;55:271-280; Saltelli A et al., Comput Phys Commun 2010;181:259-270; by SALib. The first
index is the share of the variance that a number explains alone, the total one that which goes with it in any way. The
priors are the log-normal ones that the compound's and the target's quantities carry. The mechanistic tier rests on them; to
the reduced clinical one it is tied by :func:`calibrated`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compound import Compound, Quantity
from posology.pharmacology.drive import Drive
from posology.pharmacology.linear import Doses
from posology.pharmacology.tumour import FOLATE_RECEPTOR_ALPHA, Target, Tumour, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CYCLE = 21.0
SHRINKAGE = Quantity(0.0831 / 7, "/d", "computed", "kd of the sum of diameters at 6 mg/kg, calibrated to MIRASOL")


def shrinkage(tumour: Tumour, drive: Drive, dose: float, duration: float = 0.1) -> Floats:
    """Return the rate at which a dose [mg] shrinks the sum of diameters, (patients,) [/d]: kd, the mean of a first cycle.

    Without growth and resistance, which the reduced tier has terms for. However long the payload stays in the tumour: at
    steady state it is still right to a few per cent.

    Examples
    --------
    >>> from posology.pharmacology.compounds import IMGN853
    >>> drive, tumour = Tumour.of(IMGN853)
    >>> float((7 * shrinkage(calibrated(tumour, drive, 355), drive, 355)).round(4)[0])  # /wk
    0.0831
    """
    still = replace(tumour, growth=0.0, resistance=0.0)
    course = simulate(still, drive, Doses([0.0], dose, duration), [CYCLE], lingers=np.inf)
    return np.asarray(-np.log(course.diameter[:, 0]) / CYCLE)


def calibrated(tumour: Tumour, drive: Drive, dose: float, target: float = SHRINKAGE.value) -> Tumour:
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
    miss = lambda log_kmax: float(shrinkage(replace(tumour, kmax=math.exp(log_kmax)), drive, dose)[0] - target)
    low, high = math.log(1e-5), math.log(50.0)
    if miss(high) < 0:
        raise ValueError(
            f"no kmax up to 50 /d shrinks the tumour by {target:g} /d; {miss(high) + target:.2g} /d at most: "
            "the drug reaches too few cells"
        )
    return replace(tumour, kmax=math.exp(brentq(miss, low, high, xtol=1e-8)))


@dataclass(frozen=True)
class Influence:
    """How much a number matters for a result: first and total index, with 95 % half-widths; and how the number is known."""

    name: str
    quantity: Quantity
    first: float
    first_half_width: float
    total: float
    total_half_width: float


def priors(compound: Compound, target: Target = FOLATE_RECEPTOR_ALPHA) -> dict[str, Quantity]:
    """Return the uncertain numbers by name: those with a cv, of the compound and of the target.

    Examples
    --------
    >>> from posology.pharmacology.compounds import IMGN853
    >>> str(priors(IMGN853)["target.copies"])
    '4e+05 [M]'
    """
    held = {name: quantity for name, quantity in compound.quantities().items() if quantity.cv > 0}
    return held | {"target.copies": target.copies[3], "target.kdeg": target.kdeg}


def influences(
    compound: Compound, dose: float, *, samples: int = 512, seed: int = 1, pumps: float = 0.0, positive: float = 0.8,
    target: Target = FOLATE_RECEPTOR_ALPHA,
) -> list[Influence]:  # fmt: skip
    """Return the Sobol indices of the shrinkage by a dose [mg], its logarithm, the greatest total index first.

    Parameters
    ----------
    compound, target
        whose priors are varied.
    samples
        a power of 2; the model is run samples x (numbers + 2) times.
    seed
        of the sequence: the same seed, the same result.
    pumps
        how far positive cells pump by P-gp: where not at all, the P-gp factors do not matter.
    positive
        share of the cells that bear the target.
    """
    from SALib.analyze import sobol as analysis
    from SALib.sample import sobol as sampling
    from scipy.stats import norm

    if samples < 2 or samples & (samples - 1):
        raise ValueError(f"samples is {samples}: it must be a power of 2")
    varied = priors(compound, target)
    problem = {"num_vars": len(varied), "names": list(varied), "bounds": [[0.0, 1.0]] * len(varied)}
    unit = sampling.sample(problem, samples, calc_second_order=False, seed=seed)
    deviate = norm.ppf(np.clip(unit, 1e-6, 1 - 1e-6))
    spread = np.array([math.sqrt(math.log1p(q.cv**2)) for q in varied.values()])
    factors = dict(zip(varied, np.exp(spread * deviate).T, strict=True))
    for name in factors:  # a factor on an exit is 1 or more: what is uncertain is how far above
        if name.endswith(".pgp"):
            value = varied[name].value
            factors[name] = (1 + (value - 1) * factors[name] ** (value / (value - 1) if value > 1 else 1.0)) / value
    copies, kdeg = factors.pop("target.copies"), factors.pop("target.kdeg")
    receptor = target.expression([[0, 0, 0, 1.0]])[0] * copies
    drive, tumour = Tumour.of(
        compound, receptor=receptor, positive=positive, pumps=pumps, target=target, factors=factors
    )
    tumour = replace(tumour, kdeg=target.kdeg.value * kdeg)
    result = np.log(np.maximum(shrinkage(tumour, drive, dose), 1e-12))
    found = analysis.analyze(problem, result, calc_second_order=False, seed=seed, print_to_console=False)
    rows = [
        Influence(name, quantity, *(float(found[key][j]) for key in ("S1", "S1_conf", "ST", "ST_conf")))
        for j, (name, quantity) in enumerate(varied.items())
    ]
    return sorted(rows, key=lambda row: -row.total)
