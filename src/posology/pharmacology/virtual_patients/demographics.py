"""Virtual patients: who they are, how they differ in what the drug meets, and how well that is measured.

Every number is a :class:`Quantity` with its evidence. Randomness comes in as a generator: the same seed, the same patients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compounds.adc import Compound, Quantity
from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


BODY = "virtual population that gives the mean adjusted ideal weight of MIRASOL, 59.1 kg"
GUESS = "assumed for want of a public number"
POUZIN = "Pouzin 2022, J Pharmacokinet Pharmacodyn 49:381"
WILBAUX = "Wilbaux 2014, ovarian cancer, CALYPSO"
REFERENCE_WEIGHT = 67.0
"""Body weight [kg] of the patient whose parameters are the compound's."""
EXPONENTS: Mapping[str, Quantity] = {
    name: Quantity(0.5, "1", "assumed", "typical of antibodies")
    for name in ("antibody.cl", "antibody.cl_nab", "antibody.vc", "antibody.vp")
}
"""Powers of (weight / 67 kg) on the typical values."""
OCCASION = Quantity(0.10, "1", "assumed", "log SD of the clearance between cycles, within a patient")


@dataclass(frozen=True)
class Body:
    """Body size: height normal [cm], body-mass index log-normal [kg/m2]; ``between`` is the SD of the logarithm."""

    height: Quantity
    height_sd: Quantity
    bmi: Quantity


WOMEN = Body(
    Quantity(161, "cm", "computed", BODY),
    Quantity(6.5, "cm", "computed", BODY),
    Quantity(26, "kg/m2", "computed", BODY, between=0.21),
)
MEN = Body(
    Quantity(175, "cm", "assumed", GUESS),
    Quantity(7, "cm", "assumed", GUESS),
    Quantity(27, "kg/m2", "assumed", GUESS, between=0.17),
)


@dataclass(frozen=True)
class TumourType:
    """A tumour type: whom it strikes, how much target it bears, how far it has gone.

    Parameters
    ----------
    name
        what it is called.
    female
        share of women.
    ps2_a, ps2_b
        of the beta distribution of the share of tumour cells stained 2+ or more.
    strong
        of those cells, the mean share stained 3+.
    sld
        baseline sum of diameters [mm], log-normal about it.
    lesions
        mean number of target lesions, between 1 and 5.
    ca125
        baseline CA-125 [U/mL], log-normal about it.
    prior
        mean number of prior regimens, 1 or more.
    """

    name: str
    female: Quantity
    ps2_a: Quantity
    ps2_b: Quantity
    strong: Quantity
    sld: Quantity
    lesions: Quantity
    ca125: Quantity
    prior: Quantity


_STRONG = Quantity(0.5, "1", "assumed", GUESS)
_SLD = Quantity(57.8, "mm", "retrieved", f"{WILBAUX}; spread calibrated to MIRASOL", between=0.47)
_LESIONS = Quantity(2.6, "1", "assumed", GUESS)
_PRIOR = Quantity(3, "1", "assumed", GUESS)
_NORMAL = Quantity(15, "U/mL", "assumed", "below the upper limit of normal", between=0.6)

OVARIAN = TumourType(
    "ovarian",
    female=Quantity(1, "1", "retrieved", "anatomy"),
    ps2_a=Quantity(0.96, "1", "computed", "80, 60 and 36 % of patients with 25, 50 and 75 % or more cells at 2+"),
    ps2_b=Quantity(0.71, "1", "computed", "80, 60 and 36 % of patients with 25, 50 and 75 % or more cells at 2+"),
    strong=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=Quantity(167, "U/mL", "retrieved", f"{WILBAUX}, CV 113 %", between=math.sqrt(math.log(1 + 1.13**2))),
)
ENDOMETRIAL = TumourType(
    "endometrial",
    female=Quantity(1, "1", "retrieved", "anatomy"),
    ps2_a=Quantity(0.4, "1", "assumed", GUESS),
    ps2_b=Quantity(1.2, "1", "assumed", GUESS),
    strong=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=Quantity(40, "U/mL", "assumed", GUESS, between=0.9),
)
NSCLC = TumourType(
    "NSCLC",
    female=Quantity(0.45, "1", "assumed", GUESS),
    ps2_a=Quantity(0.6, "1", "assumed", GUESS),
    ps2_b=Quantity(1.2, "1", "assumed", GUESS),
    strong=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=_NORMAL,
)
RENAL = TumourType(
    "renal",
    female=Quantity(0.35, "1", "assumed", GUESS),
    ps2_a=Quantity(0.4, "1", "assumed", GUESS),
    ps2_b=Quantity(1.4, "1", "assumed", GUESS),
    strong=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=_NORMAL,
)
TUMOUR_TYPES = {kind.name: kind for kind in (OVARIAN, ENDOMETRIAL, NSCLC, RENAL)}


@dataclass(frozen=True)
class Patients:
    """Virtual patients, a row each.

    Parameters
    ----------
    sex
        (P,): "F" or "M".
    height_cm, weight_kg
        (P,).
    tumour_type
        (P,): names.
    expression
        (P, 4): share of the tumour cells stained 0, 1+, 2+ and 3+.
    lesions, sld_mm, ca125
        (P,): target lesions, the sum of their diameters, CA-125 [U/mL] before treatment.
    prior_regimens
        (P,).

    Examples
    --------
    >>> women = Patients.draw(np.random.default_rng(853), 1000)
    >>> float(women.height_cm.mean().round(1)), float(np.median(women.weight_kg).round(1))
    (161.4, 66.9)
    """

    sex: NDArray[np.str_]
    height_cm: Floats
    weight_kg: Floats
    tumour_type: NDArray[np.str_]
    expression: Floats
    lesions: NDArray[np.int64]
    sld_mm: Floats
    ca125: Floats
    prior_regimens: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sex)

    @property
    def ps2(self) -> Floats:
        """(P,): share of the tumour cells stained 2+ or more."""
        return np.asarray(self.expression[:, 2:].sum(axis=1))

    def chosen(self, rows: NDArray[np.int64]) -> Patients:
        """Return some of the patients, by row."""
        return Patients(**{name: values[rows] for name, values in vars(self).items()})

    @classmethod
    def joined(cls, groups: Sequence[Patients]) -> Patients:
        """Return the patients of several groups, one after the other."""
        return cls(**{name: np.concatenate([vars(group)[name] for group in groups]) for name in vars(groups[0])})

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        patients: int,
        mix: Sequence[tuple[TumourType, float]] = ((OVARIAN, 1.0),),
        women: Body = WOMEN,
        men: Body = MEN,
    ) -> Patients:
        """Draw patients of a ``mix`` of tumour types with their shares.

        Raises
        ------
        ValueError
            if there is nobody to draw, or the shares do not sum to 1.
        """
        _someone(patients)
        shares = np.array([share for _, share in mix])
        if not ((shares >= 0).all() and abs(shares.sum() - 1) < 1e-6):
            raise ValueError(f"the shares of the tumour types are {shares.tolist()}: they must sum to 1")
        kinds = rng.choice(len(mix), patients, p=shares / shares.sum())
        of = lambda name: np.array([getattr(kind, name).value for kind, _ in mix])[kinds]
        spread = lambda name: np.array([getattr(kind, name).between for kind, _ in mix])[kinds]
        female = rng.random(patients) < of("female")
        body = lambda name, key="value": np.where(female, *(getattr(getattr(b, name), key) for b in (women, men)))
        height = body("height") + body("height_sd") * rng.standard_normal(patients)
        bmi = body("bmi") * np.exp(body("bmi", "between") * rng.standard_normal(patients))
        stained = rng.beta(of("ps2_a"), of("ps2_b"))
        strong = rng.beta(4 * of("strong"), 4 * (1 - of("strong")))
        weak = rng.random(patients)
        expression = np.stack(
            [(1 - stained) * (1 - weak), (1 - stained) * weak, stained * (1 - strong), stained * strong], axis=1
        )
        around = lambda name: of(name) * np.exp(spread(name) * rng.standard_normal(patients))
        return cls(
            np.where(female, "F", "M"),
            height,
            bmi * (height / 100) ** 2,
            np.array([kind.name for kind, _ in mix])[kinds],
            expression,
            1 + rng.binomial(4, (of("lesions") - 1) / 4),
            around("sld"),
            around("ca125"),
            1 + rng.poisson(of("prior") - 1),
        )


def _someone(patients: int) -> None:
    if not (patients >= 1 and patients == int(patients)):
        raise ValueError(f"patients is {patients}: it must be a whole number, 1 or more")


def by_weight(weight_kg: ArrayLike, exponents: Mapping[str, Quantity] = EXPONENTS) -> dict[str, Floats]:
    """Return the factor (P,) on each typical value: (weight / 67 kg)^exponent.

    >>> round(float(by_weight([80.0])["antibody.cl"][0]), 3)
    1.093
    """
    weight = np.atleast_1d(np.asarray(weight_kg, dtype=np.float64))
    for i in np.flatnonzero(~((weight > 0) & np.isfinite(weight))):
        raise ValueError(f"patient {i + 1}: weight_kg is {weight[i]:g}: it must be above 0")
    return {name: (weight / REFERENCE_WEIGHT) ** exponent.value for name, exponent in exponents.items()}


@dataclass(frozen=True)
class Variability:
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
    >>> found = Variability.of(IMGN853)
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
    def of(cls, compound: Compound) -> Variability:
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
        _someone(patients)
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


def combined(*factors: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the products of factors by name."""
    product: dict[str, Floats] = {}
    for each in factors:
        for name, factor in each.items():
            before = product.get(name, np.ones(1))
            if 1 != len(before) != len(np.atleast_1d(factor)) != 1:
                raise ValueError(
                    f"factors on {name} are of {len(before)} and of {len(factor)} patients: they must be of as many, or of one"
                )
            product[name] = before * factor
    return product


def occasions(rng: np.random.Generator, patients: int, cycles: int, sd: float = OCCASION.value) -> Floats:
    """Return (P, cycles): factors on a patient's clearance that differ from cycle to cycle; ``sd`` of their logarithm."""
    _someone(patients)
    if cycles < 1 or not 0 <= sd < np.inf:
        raise ValueError(f"cycles is {cycles} and sd {sd:g}: they must be 1 or more, and 0 or more")
    return np.asarray(np.exp(sd * rng.standard_normal((patients, cycles))))


@dataclass(frozen=True)
class Residual:
    """What a measurement adds: an additive SD, in the analyte's unit, and a proportional one."""

    additive: Quantity
    proportional: Quantity

    def measure(self, rng: np.random.Generator, truth: Floats, limit: float = 0.0) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the measured values, and which lie below the ``limit`` of quantification; those have its value.

        >>> exact = Residual(Quantity(0, "ug/mL", "assumed", "x"), Quantity(0, "1", "assumed", "x"))
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
        below = values < limit
        return np.where(below, limit, values), below


def _residual(unit: str, additive: float, proportional: float) -> Residual:
    return Residual(Quantity(additive, unit, "retrieved", POUZIN), Quantity(proportional, "1", "retrieved", POUZIN))


RESIDUALS = {
    "adc": _residual("ug/mL", 1.03, 0.089),
    "naked": _residual("ug/mL", 0, 0.26),
    "payload": _residual("ng/mL", 0, 0.335),
    "metabolite": _residual("ng/mL", 0, 0.50),
    "dar": _residual("1", 0.219, 0),
}
"""Of each analyte."""
