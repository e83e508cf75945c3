"""How patients differ in what the drug meets: covariance of the logarithms, body weight, occasions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.virtual_patients.demographics import check_patient_count
from posology.shared.arrays import ArrayLike, Floats

REFERENCE_WEIGHT = 67.0
"""Body weight [kg] of the patient whose parameters are the compound's."""
EXPONENTS: Mapping[str, Quantity] = {
    name: Quantity(0.5, "1", "assumed", "typical of antibodies")
    for name in ("antibody.cl", "antibody.cl_nab", "antibody.vc", "antibody.vp")
}
"""Powers of (weight / 67 kg) on the typical values."""
OCCASION = Quantity(0.10, "1", "assumed", "log SD of the clearance between cycles, within a patient")


def allometric_factors(weight_kg: ArrayLike, exponents: Mapping[str, Quantity] = EXPONENTS) -> dict[str, Floats]:
    """Return the factor (P,) on each typical value: (weight / 67 kg)^exponent.

    >>> round(float(allometric_factors([80.0])["antibody.cl"][0]), 3)
    1.093
    """
    weight = np.atleast_1d(np.asarray(weight_kg, dtype=np.float64))
    for i in np.flatnonzero(~((weight > 0) & np.isfinite(weight))):
        raise ValueError(f"patient {i + 1}: weight_kg is {weight[i]:g}: it must be above 0")
    return {name: (weight / REFERENCE_WEIGHT) ** exponent.value for name, exponent in exponents.items()}


@dataclass(frozen=True)
class BetweenPatient:
    """How patients differ: the logarithms of the quantities are normal with one covariance.

    Parameters
    ----------
    names
        K quantities.
    covariance
        (K, K), of the logarithms.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853
    >>> found = BetweenPatient.of(IMGN853)
    >>> factors = found.draw(np.random.default_rng(1), 20_000)
    >>> round(float(np.log(factors["antibody.cl"]).std()), 2)
    0.33
    """

    names: tuple[str, ...]
    covariance: Floats = field(repr=False)

    def __post_init__(self) -> None:
        k = len(self.names)
        if self.covariance.shape != (k, k) or not np.allclose(self.covariance, self.covariance.T):
            raise ValueError(f"covariance has the shape {self.covariance.shape}: it must be symmetric, {k} by {k}")
        if k and np.linalg.eigvalsh(self.covariance).min() < -1e-10:
            raise ValueError(
                f"the covariance of {', '.join(self.names)} is that of no distribution: "
                "an eigenvalue is below 0; make the correlations smaller"
            )

    @classmethod
    def of(cls, compound: Compound) -> BetweenPatient:
        """Return the variability that a compound's quantities and correlations state."""
        spread = {name: q.between for name, q in compound.quantities().items() if q.between > 0}
        names = tuple(spread)
        correlation = np.eye(len(names))
        for a, b, quantity in compound.correlations:
            rho = quantity.value
            if a not in spread or b not in spread or not -1 <= rho <= 1:
                raise ValueError(
                    f"correlation of {a} and {b}, {rho:g}: both must differ between patients, and it lies within 1"
                )
            correlation[names.index(a), names.index(b)] = correlation[names.index(b), names.index(a)] = rho
        sd = np.array(list(spread.values()))
        return cls(names, correlation * np.outer(sd, sd))

    def draw(self, rng: np.random.Generator, patients: int) -> dict[str, Floats]:
        """Return the factor (P,) on each quantity."""
        check_patient_count(patients)
        if not self.names:
            return {}
        fully = np.linalg.eigvalsh(self.covariance).min() > 1e-12  # else some quantities go with others
        eta = rng.multivariate_normal(
            np.zeros(len(self.names)), self.covariance, patients, method="cholesky" if fully else "eigh"
        )
        return {name: np.exp(eta[:, k]) for k, name in enumerate(self.names)}

    def at(self, normals: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the factor (P,) on each quantity of patients with standard normal deviates (P,) by name.

        The same deviates are the same patients, whatever compound they take.
        """
        if not self.names:
            return {}
        own = np.stack([normals[name] for name in self.names], axis=1)
        size, axes = np.linalg.eigh(self.covariance)
        fully = size.min() > 1e-12  # else some quantities go with others
        root = np.linalg.cholesky(self.covariance) if fully else axes * np.sqrt(np.maximum(size, 0))
        return {name: np.exp(eta) for name, eta in zip(self.names, root @ own.T, strict=True)}


def multiply(*factors: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the products of factors by name."""
    product: dict[str, Floats] = {}
    for each in factors:
        for name, factor in each.items():
            before = product.get(name, np.ones(1))
            if 1 != len(before) != len(np.atleast_1d(factor)) != 1:
                raise ValueError(
                    f"factors on {name} are of {len(before)} and of {len(factor)} patients: they must be of as "
                    "many, or of one"
                )
            product[name] = before * factor
    return product


def between_occasion_factors(
    rng: np.random.Generator, patients: int, cycles: int, sd: float = OCCASION.value
) -> Floats:
    """Return (P, cycles): factors on a patient's clearance that differ from cycle to cycle; ``sd`` of their
    logarithm."""
    check_patient_count(patients)
    if cycles < 1 or not 0 <= sd < np.inf:
        raise ValueError(f"cycles is {cycles} and sd {sd:g}: they must be 1 or more, and 0 or more")
    return np.asarray(np.exp(sd * rng.standard_normal((patients, cycles))))
