"""Toxicities as hazards: ocular events behind an effect compartment, neuropathy by exposure, other DLTs by dose,
pneumonitis.

Ocular events lag behind plasma. With C the conjugate in plasma and E two transits later,

    dE1/dt = ke (C - E1),   dE2/dt = ke (E1 - E2),   hazard = h0 z (E2/Eref)^g,   log z ~ N(0, w)

calibrated to the ELAHERE label (59 % any grade, median onset 5.1 weeks). The slope g cannot be told from public data:
take 1, 2 and 3 as scenarios. A patient's state is carried from cycle to cycle, so that a dose can depend on what has
happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import ArrayLike, Floats, Ints

LABEL = "quoted from memory of the label, to be checked"
CALIBRATED_FROM_MEMORY = "calibrated with the model below to numbers quoted from memory of the label, to be checked"
H0_BY_POWER = {
    power: Quantity(h0, "/d", "computed", f"{CALIBRATED_FROM_MEMORY}, at a slope of {power}")
    for power, h0 in ((1, 0.00600), (2, 0.00574), (3, 0.00514))
}
"""The hazard h0 that gives the same risk at the reference dose, by the slope g."""
GRADES_BY_CORRELATION = {
    correlation: tuple(Quantity(share, "1", "computed", CALIBRATED_FROM_MEMORY) for share in shares)
    for correlation, shares in ((0, (0.23, 0.065, 0.0015)), (1, (0.325, 0.19, 0.005)))
}
"""Shares of episodes at grade 2, 3 and 4 that give the label's worst grades of patients: each its own grade, or one for
all."""


@dataclass(frozen=True)
class OcularToxicity:
    """Ocular events: when they come, their grade, and how long they last.

    Parameters
    ----------
    ke, power, between, h0, reference
        ke [/d], g, w, h0 [/d], Eref [ug/mL].
    grades
        shares of the episodes that reach grade 2, 3 and 4 at most; the others stay at grade 1.
    alike
        share of later episodes that have the grade of the patient's first; the others are drawn anew.
    recovery
        median duration [d], exponential.
    """

    ke: Quantity
    power: Quantity
    between: Quantity
    h0: Quantity
    reference: Quantity
    grades: tuple[Quantity, Quantity, Quantity]
    grade_correlation: Quantity
    recovery: Quantity

    def with_power(self, power: float) -> OcularToxicity:
        """Return the scenario of another slope g, with h0 calibrated anew to the same risk at the reference dose.

        >>> IMGN853_OCULAR.with_power(1).h0.value
        0.006
        """
        for each in (power, self.power.value):
            if each not in H0_BY_POWER:
                raise ValueError(
                    f"power is {each:g}: the scenarios that were calibrated are {', '.join(map(str, H0_BY_POWER))}"
                )
        ratio = self.h0.value / H0_BY_POWER[int(self.power.value)].value  # of drops
        return replace(
            self,
            power=Quantity(power, "1", "assumed", "not identifiable: a scenario"),
            h0=replace(self.h0, value=H0_BY_POWER[int(power)].value * ratio),
        )

    def with_grade_correlation(self, correlation: float) -> OcularToxicity:
        """Return the scenario in which all episodes of a patient have one grade (1), or each its own (0), calibrated
        anew.

        >>> [q.value for q in IMGN853_OCULAR.with_grade_correlation(1).grades]
        [0.325, 0.19, 0.005]
        """
        if correlation not in GRADES_BY_CORRELATION:
            raise ValueError(f"the correlation is {correlation:g}: the scenarios that were calibrated are 0 and 1")
        if self.grades != IMGN853_OCULAR.grades:
            raise ValueError("the grades are those of another scenario already: ask for the correlation first")
        shares = GRADES_BY_CORRELATION[int(correlation)]
        two, three, four = (replace(q, value=v.value) for q, v in zip(self.grades, shares, strict=True))
        return replace(
            self, grades=(two, three, four), grade_correlation=replace(self.grade_correlation, value=float(correlation))
        )

    def with_drops(self, hazard: float = 0.8, severe: float = 0.15) -> OcularToxicity:
        """Return the scenario of steroid drops: h0 times ``hazard``, grades 3 and 4 times ``severe``, at grade 2
        instead.

        The middles of .7 to .9 and of 0 to .3, assumed after 40 patients of whom none had grade 3 (Matulonis 2019). The
        label's later trials asked for drops too (from memory, to be checked): its numbers may hold some of their effect
        already.

        Raises
        ------
        ValueError
            where one is not from 0 to 1.

        >>> IMGN853_OCULAR.with_drops(severe=0).grades[1].value
        0.0
        """
        for name, factor in (("hazard", hazard), ("severe", severe)):
            if not 0 <= factor <= 1:
                raise ValueError(f"{name} is {factor:g}: drops multiply by 0 to 1")

        def scenario(q: Quantity, value: float) -> Quantity:
            return Quantity(value, q.unit, "assumed", f"scenario of steroid drops; without: {q.source}")

        two, three, four = self.grades
        spared = (1 - severe) * (three.value + four.value)
        grades = (
            scenario(two, two.value + spared),
            scenario(three, severe * three.value),
            scenario(four, severe * four.value),
        )
        return replace(self, h0=scenario(self.h0, hazard * self.h0.value), grades=grades)


IMGN853_OCULAR = OcularToxicity(
    ke=Quantity(0.12, "/d", "computed", CALIBRATED_FROM_MEMORY, cv=0.3),
    power=Quantity(2.0, "1", "assumed", "not identifiable: the label gives its direction alone", cv=0.4),
    between=Quantity(2.2, "1", "computed", CALIBRATED_FROM_MEMORY),
    h0=Quantity(H0_BY_POWER[2].value, "/d", "computed", CALIBRATED_FROM_MEMORY, cv=0.2),
    reference=Quantity(37.3, "ug/mL", "computed", "mean of E over 24 weeks at 6 mg/kg, typical patient"),
    grades=(
        Quantity(
            GRADES_BY_CORRELATION[0][0].value,
            "1",
            "computed",
            "39 % of patients with a dose delayed in SORAYA, with other reactions",
        ),
        Quantity(
            GRADES_BY_CORRELATION[0][1].value,
            "1",
            "computed",
            f"worst grade 3 in 11 of 59 patients with an event, {LABEL}",
        ),
        Quantity(GRADES_BY_CORRELATION[0][2].value, "1", "computed", f"worst grade 4 in 2 of 682 patients, {LABEL}"),
    ),
    grade_correlation=Quantity(
        0.0,
        "1",
        "computed",
        "0.6 % stopped for the eye in the label of 2022, section 5.1: 1.3 % do here with 0, 4 % with 1",
    ),
    recovery=Quantity(21.0, "d", "retrieved", "about 60 % resolved by the next cycle, interview with Matulonis"),
)
"""As in the label's trials; :meth:`OcularToxicity.with_drops` is a scenario beside it."""


def ocular_hazard(level: Floats, ocular: OcularToxicity = IMGN853_OCULAR) -> Floats:
    """Return the hazard [/d] of a patient with z = 1, of E2 [ug/mL]: h0 (E2/Eref)^g."""
    return np.asarray(ocular.h0.value * (level / ocular.reference.value) ** ocular.power.value)


def ocular_risk(total: ArrayLike, between: float) -> Floats:
    """Return the share of patients with an event, of the cumulated hazard at z = 1: over the log-normal z, by
    quadrature.

    Examples
    --------
    >>> ocular_risk([0.0, 0.5], 2.2).round(3)
    array([0.   , 0.473])
    """
    node, weight = np.polynomial.hermite_e.hermegauss(80)
    h = np.asarray(total, dtype=np.float64)
    return np.asarray(1 - (weight / weight.sum() * np.exp(-h[..., None] * np.exp(between * node))).sum(axis=-1))


def draw_grades(rng: np.random.Generator, size: int | tuple[int, ...], ocular: OcularToxicity = IMGN853_OCULAR) -> Ints:
    """Return the worst grade, 1 to 4, that each ocular episode has, should it come: of the shape ``size``."""
    edges = np.cumsum([1 - sum(q.value for q in ocular.grades), *(q.value for q in ocular.grades)])
    return np.asarray(1 + np.minimum(np.searchsorted(edges, rng.random(size), side="right"), 3))
