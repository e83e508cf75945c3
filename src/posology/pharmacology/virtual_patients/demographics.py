"""Virtual patients: who they are, how they differ in what the drug meets, and how well that is measured.

Every number is a :class:`Quantity` with its evidence. Randomness comes in as a generator: the same seed, the same
patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


BODY = "virtual population that gives the mean adjusted ideal weight of MIRASOL, 59.1 kg"
NO_PUBLIC_SOURCE = "assumed for want of a public number"
WILBAUX = "Wilbaux 2014, ovarian cancer, CALYPSO"


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
    Quantity(175, "cm", "assumed", NO_PUBLIC_SOURCE),
    Quantity(7, "cm", "assumed", NO_PUBLIC_SOURCE),
    Quantity(27, "kg/m2", "assumed", NO_PUBLIC_SOURCE, between=0.17),
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
    mean_3plus_share: Quantity
    sld: Quantity
    lesions: Quantity
    ca125: Quantity
    prior: Quantity


_STRONG = Quantity(0.5, "1", "assumed", NO_PUBLIC_SOURCE)
_SLD = Quantity(57.8, "mm", "retrieved", f"{WILBAUX}; spread calibrated to MIRASOL", between=0.47)
_LESIONS = Quantity(2.6, "1", "assumed", NO_PUBLIC_SOURCE)
_PRIOR = Quantity(3, "1", "assumed", NO_PUBLIC_SOURCE)
_NORMAL = Quantity(15, "U/mL", "assumed", "below the upper limit of normal", between=0.6)
OVARIAN = TumourType(
    "ovarian",
    female=Quantity(1, "1", "retrieved", "anatomy"),
    ps2_a=Quantity(0.96, "1", "computed", "80, 60 and 36 % of patients with 25, 50 and 75 % or more cells at 2+"),
    ps2_b=Quantity(0.71, "1", "computed", "80, 60 and 36 % of patients with 25, 50 and 75 % or more cells at 2+"),
    mean_3plus_share=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=Quantity(167, "U/mL", "retrieved", f"{WILBAUX}, CV 113 %", between=math.sqrt(math.log(1 + 1.13**2))),
)
ENDOMETRIAL = TumourType(
    "endometrial",
    female=Quantity(1, "1", "retrieved", "anatomy"),
    ps2_a=Quantity(0.4, "1", "assumed", NO_PUBLIC_SOURCE),
    ps2_b=Quantity(1.2, "1", "assumed", NO_PUBLIC_SOURCE),
    mean_3plus_share=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=Quantity(40, "U/mL", "assumed", NO_PUBLIC_SOURCE, between=0.9),
)
NSCLC = TumourType(
    "NSCLC",
    female=Quantity(0.45, "1", "assumed", NO_PUBLIC_SOURCE),
    ps2_a=Quantity(0.6, "1", "assumed", NO_PUBLIC_SOURCE),
    ps2_b=Quantity(1.2, "1", "assumed", NO_PUBLIC_SOURCE),
    mean_3plus_share=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=_NORMAL,
)
RENAL = TumourType(
    "renal",
    female=Quantity(0.35, "1", "assumed", NO_PUBLIC_SOURCE),
    ps2_a=Quantity(0.4, "1", "assumed", NO_PUBLIC_SOURCE),
    ps2_b=Quantity(1.4, "1", "assumed", NO_PUBLIC_SOURCE),
    mean_3plus_share=_STRONG,
    sld=_SLD,
    lesions=_LESIONS,
    prior=_PRIOR,
    ca125=_NORMAL,
)
TUMOUR_TYPES = {kind.name: kind for kind in (OVARIAN, ENDOMETRIAL, NSCLC, RENAL)}


@dataclass(frozen=True)
class VirtualPatients:
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
    >>> women = VirtualPatients.draw(np.random.default_rng(853), 1000)
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

    def chosen(self, rows: NDArray[np.int64]) -> VirtualPatients:
        """Return some of the patients, by row."""
        return VirtualPatients(**{name: values[rows] for name, values in vars(self).items()})

    @classmethod
    def joined(cls, groups: Sequence[VirtualPatients]) -> VirtualPatients:
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
    ) -> VirtualPatients:
        """Draw patients of a ``mix`` of tumour types with their shares.

        Raises
        ------
        ValueError
            if there is nobody to draw, or the shares do not sum to 1.
        """
        check_patient_count(patients)
        shares = np.array([share for _, share in mix])
        if not ((shares >= 0).all() and abs(shares.sum() - 1) < 1e-6):
            raise ValueError(f"the shares of the tumour types are {shares.tolist()}: they must sum to 1")
        kinds = rng.choice(len(mix), patients, p=shares / shares.sum())

        def of(name: str) -> Floats:
            return np.asarray(np.array([getattr(kind, name).value for kind, _ in mix])[kinds])

        def spread(name: str) -> Floats:
            return np.asarray(np.array([getattr(kind, name).between for kind, _ in mix])[kinds])

        female = rng.random(patients) < of("female")

        def body(name: str, key: str = "value") -> Floats:
            return np.asarray(np.where(female, *(getattr(getattr(b, name), key) for b in (women, men))))

        height = body("height") + body("height_sd") * rng.standard_normal(patients)
        bmi = body("bmi") * np.exp(body("bmi", "between") * rng.standard_normal(patients))
        stained = rng.beta(of("ps2_a"), of("ps2_b"))
        strong = rng.beta(4 * of("mean_3plus_share"), 4 * (1 - of("mean_3plus_share")))
        weak = rng.random(patients)
        expression = np.stack(
            [(1 - stained) * (1 - weak), (1 - stained) * weak, stained * (1 - strong), stained * strong], axis=1
        )

        def around(name: str) -> Floats:
            return np.asarray(of(name) * np.exp(spread(name) * rng.standard_normal(patients)))

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


def check_patient_count(patients: int) -> None:
    """Refuse a number of patients that is no whole number, 1 or more."""
    if not (patients >= 1 and patients == int(patients)):
        raise ValueError(f"patients is {patients}: it must be a whole number, 1 or more")
