"""How much each uncertain number of the clinical tier matters for what a trial would see: Sobol indices over the
priors.

Runs that are compared treat the same virtual patients, with the same fates: only the numbers differ. What chance is
left is kept out of the indices, see :func:`posology.pharmacology.uncertainty.sobol.indices`. The patients are those of
:mod:`posology.simulation.potential_outcomes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posology.pharmacology.clinical.dose_modification import as_labelled
from posology.pharmacology.clinical.exposure_driver import BY_AREA
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.treatment import TreatmentOutcome, treat
from posology.pharmacology.clinical.tumour_size import IMGN853_TUMOUR, MONTH, TumourGrowthInhibition
from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.tumour.sensitivity import SobolIndex, with_assumed_cv
from posology.pharmacology.uncertainty.sobol import Prior, indices, sample_points
from posology.pharmacology.virtual_patients.between_patient import (
    EXPONENTS,
    BetweenPatient,
    allometric_factors,
    multiply,
)
from posology.pharmacology.virtual_patients.demographics import VirtualPatients
from posology.shared.arrays import Floats
from posology.simulation.potential_outcomes import (
    OCULAR_DLT,
    DoseBySize,
    receptor_concentration,
    two_compartment_equivalent,
)

OUTCOMES = ("DLT rate", "ocular grade 3+", "response rate", "PFS median")
"""What is looked at: shares of the patients, and months."""
EXPONENT = "weight.exponent"
FOLLOW_UP_DAYS = 1092.0
"""How long patients are followed for progression [d]; a median beyond it is taken to lie at its end."""
ASSUMED_CV: Mapping[str, tuple[float, str]] = {
    "antibody.cl": (0.10, "label, profiles and model give 17.4 to 18.9 mL/h"),
    EXPONENT: (0.30, "antibodies: 0.3 to 0.8"),
    "ocular.grade2": (0.30, "from delays for any reaction; no number of the eye's alone"),
    "ocular.grade3": (0.20, "9 to 16 % of patients in the trials"),
    "ocular.grade4": (0.70, "counting error of 2 patients"),
    "response.kg": (0.20, "95 % interval of PFS in MIRASOL, 4.3 to 6.0 mo"),
    "response.kd": (0.15, "95 % interval of ORR in MIRASOL, about 36 to 49 %"),
    "response.lam": (0.30, "95 % interval of DOR in MIRASOL, 5.6 to 8.3 mo"),
    "response.new_lesion": (0.20, "95 % interval of PFS in MIRASOL, 4.3 to 6.0 mo"),
}
"""Spreads that the numbers themselves do not state: an assumed coefficient of variation, and what it was taken from."""
SHARES = (
    "ocular.grade2",
    "ocular.grade3",
    "ocular.grade4",
    "others.dlt",
    "others.neuropathy_grade_3",
    "others.pneumonitis",
    "others.pneumonitis_grade_3",
    "others.delay",
)
"""Numbers that lie between 0 and 1: their odds are spread."""


@dataclass(frozen=True)
class ModelInputs:
    """One set of the numbers that a run rests on."""

    compound: Compound = IMGN853
    ocular: OcularToxicity = IMGN853_OCULAR
    others: OtherToxicities = IMGN853_OTHERS
    response: TumourGrowthInhibition = IMGN853_TUMOUR
    exponent: Quantity = EXPONENTS["antibody.cl"]

    def quantities(self) -> dict[str, Quantity]:
        """Return each number that enters the clinical tier, by its name."""
        shares = dict(zip(("ocular.grade2", "ocular.grade3", "ocular.grade4"), self.ocular.grades, strict=True))

        def of(room: str, names: str) -> dict[str, Quantity]:
            return {f"{room}.{name}": getattr(getattr(self, room), name) for name in names.split()}

        plasma = self.compound.quantities()
        return (
            {
                name: plasma[name]
                for name in ("antibody.cl", "antibody.vc", "antibody.vp", "antibody.q", "linker.kdec_scale")
            }
            | {EXPONENT: self.exponent}
            | of("ocular", "ke power h0")
            | shares
            | of("others", "dlt slope neuropathy neuropathy_grade_3 pneumonitis pneumonitis_grade_3 delay")
            | of("response", "kg kd lam new_lesion r50 high")
        )

    def at(self, values: Mapping[str, float]) -> ModelInputs:
        """Return the set with other values, by name.

        The shares of the ocular grades are scaled to leave no more than all. The hazard h0 goes with the slope g: it is
        the value at the label's slope, and for another the one that gives the same risk at the reference dose.

        Examples
        --------
        >>> other = ModelInputs().at({"ocular.power": 3.0, "ocular.h0": 0.00574})
        >>> round(other.ocular.h0.value, 5)
        0.00514
        """

        def own(room: str) -> dict[str, float]:
            return {name.split(".")[1]: v for name, v in values.items() if name.startswith(f"{room}.")}

        compound = self.compound
        for name, value in values.items():
            if name in (held := compound.quantities()):
                compound = compound.altered(name, value, held[name].unit)

        def changed(part: Any, to: Mapping[str, float]) -> Any:
            return replace(part, **{name: replace(getattr(part, name), value=v) for name, v in to.items()})

        eye = own("ocular")
        given = [eye.pop(f"grade{k}", q.value) for k, q in zip((2, 3, 4), self.ocular.grades, strict=True)]
        whole = max(1.0, sum(given))
        grades = tuple(replace(q, value=v / whole) for q, v in zip(self.ocular.grades, given, strict=True))
        eye["h0"] = eye.get("h0", self.ocular.h0.value) * same_risk(eye.get("power", self.ocular.power.value))
        return ModelInputs(
            compound,
            replace(changed(self.ocular, eye), grades=grades),
            changed(self.others, own("others")),
            changed(self.response, own("response")),
            replace(self.exponent, value=values.get(EXPONENT, self.exponent.value)),
        )


def same_risk(power: float, ocular: OcularToxicity = IMGN853_OCULAR) -> float:
    """Return the factor on h0 that keeps the risk at the reference dose when the slope is ``power``: 1 at the label's
    slope.

    The logarithm of h0 is a parabola through the slopes 1, 2 and 3 that were calibrated.

    >>> round(same_risk(1.0), 4)  # 0.00600 over 0.00574
    1.0453
    """
    known = (1.0, 2.0, 3.0)
    log = np.log([ocular.with_power(g).h0.value for g in known])
    curve = np.polyfit(known, log, 2)
    return float(np.exp(np.polyval(curve, power) - np.polyval(curve, ocular.power.value)))


def priors(numbers: ModelInputs | None = None, cv: Mapping[str, float] | None = None) -> dict[str, Prior]:
    """Return the uncertain numbers by name: those that state a cv, and those of :data:`ASSUMED_CV`; ``cv`` changes
    them.

    Raises
    ------
    ValueError
        if ``cv`` names no number.

    Examples
    --------
    >>> {name: prior.quantity.cv for name, prior in priors().items() if name.startswith("others")}
    {'others.dlt': 0.7, 'others.slope': 0.5}
    """
    held = (numbers or ModelInputs()).quantities()
    wide = {name: replace(q, cv=q.cv or ASSUMED_CV.get(name, (0.0, ""))[0]) for name, q in held.items()}
    found = with_assumed_cv({name: (q, "odds" if name in SHARES else "log-normal") for name, q in wide.items()}, cv)

    def told(name: str) -> bool:
        return bool(name in ASSUMED_CV and not held[name].cv and name not in (cv or {}))

    return {name: replace(p, why=ASSUMED_CV[name][1]) if told(name) else p for name, p in found.items()}


@dataclass(frozen=True)
class PatientPanel:
    """Virtual patients that several runs treat: who they are, their doses, how they differ, and the seed of their
    fates.

    ``mg`` (patients, 2): the planned dose, and the reference dose (6 mg/kg of adjusted ideal weight); ``between``
    factors on the quantities of the plasma model, (patients,) by name.
    """

    people: VirtualPatients
    mg: Floats
    between: Mapping[str, Floats]
    seed: tuple[int, ...]

    @classmethod
    def draw(
        cls, seed: tuple[int, ...], patients: int, mg: DoseBySize, *, least: float = 0.0, compound: Compound = IMGN853
    ) -> PatientPanel:
        """Draw patients with at least a share of tumour cells stained 2+ or more; ``mg`` gives their doses."""
        rng = np.random.default_rng([*seed, 1])
        drawn, fit = [], 0
        while fit < patients:
            some = VirtualPatients.draw(rng, 4 * patients if least else patients)
            drawn.append(some.chosen(np.flatnonzero(some.ps2 >= least)))
            fit += len(drawn[-1])
        people = VirtualPatients.joined(drawn).chosen(np.arange(patients))
        return cls(
            people, np.asarray(mg(people), dtype=np.float64), BetweenPatient.of(compound).draw(rng, patients), seed
        )

    def treated(
        self, numbers: ModelInputs, cycles: int, interval: float, follow: float = FOLLOW_UP_DAYS
    ) -> TreatmentOutcome:
        """Treat the patients, as the label says, in the world of one set of numbers."""
        exponents = dict.fromkeys(EXPONENTS, numbers.exponent)
        factors = multiply(allometric_factors(self.people.weight_kg, exponents), self.between)
        plasma = two_compartment_equivalent(Plasma.of(numbers.compound, factors))
        scale = numbers.response.high.value / IMGN853_TUMOUR.high.value  # of all receptors, the calibration's included
        fate = PatientPotentialOutcomes.draw(
            np.random.default_rng([*self.seed, 2]),
            len(self.people),
            response=numbers.response,
            ocular=numbers.ocular,
            others=numbers.others,
            s0=self.people.sld_mm,
            receptor=receptor_concentration(self.people.expression) * scale,
            ca0=self.people.ca125,
            explained=min(BY_AREA.log_sd(plasma, interval), numbers.response.kd.between),
        )
        return treat(
            fate,
            plasma,
            self.mg[:, 0],
            reference=self.mg[:, 1],
            cycles=cycles,
            interval=interval,
            rule=as_labelled,
            ocular=numbers.ocular,
            others=numbers.others,
            follow=follow,
        )


def outcomes(treated: TreatmentOutcome, window: float, who: slice = slice(None)) -> Floats:
    """Return the outcomes of some of the patients, in the order of :data:`OUTCOMES`, (4,).

    The DLT rate is that within the ``window`` [d]; ocular events of grade 3 or more and responses are those of all
    treatment.
    """
    eye = np.isfinite(treated.episodes.first(OCULAR_DLT))
    shares = [treated.dlt_within(window), eye, np.isfinite(treated.judged.response)]
    median = median_between_visits(treated.progression_free[who], treated.visits)
    return np.array([*(float(share[who].mean()) for share in shares), median / MONTH])


def median_between_visits(days: Floats, visits: Floats) -> float:
    """Return the median of times that are seen at visits [d]: where the share still free of it, straight between
    visits, is half.

    Progression is seen at visits alone: the median itself would jump from one to the next. Beyond the last visit: that
    visit.

    Examples
    --------
    >>> median_between_visits(np.array([42.0, 84, 84, np.inf]), np.array([0.0, 42, 84, 126]))
    63.0
    """
    free = (days[:, None] > visits).mean(axis=0)
    k = int(np.argmax(free <= 0.5))
    if free[k] > 0.5:
        return float(visits[-1])
    return float(visits[k] - (visits[k] - visits[k - 1]) * (0.5 - free[k]) / (free[k - 1] - free[k]))


@dataclass(frozen=True)
class OutcomeSensitivity:
    """What the numbers do to one outcome.

    ``at_medians`` the outcome at the medians of all priors; ``low``, ``high`` 95 % of it over the priors; ``rows`` the
    influence of each number, the greatest first, none where the outcome is the same in all runs or chance hides all
    else; ``noise`` the share of the variance between runs that goes with which patients were drawn, kept out of the
    indices; ``share_beyond_follow_up`` the share of the runs whose median lies beyond the follow-up.
    """

    outcome: str
    at_medians: float
    low: float
    high: float
    rows: tuple[SobolIndex, ...]
    noise: float
    share_beyond_follow_up: float = 0.0


def outcome_sensitivities(  # noqa: PLR0913 (each an option of the method)
    mg: DoseBySize,
    *,
    patients: int = 160,
    window: float = 21.0,
    cycles: int = 8,
    interval: float = 21.0,
    samples: int = 128,
    seed: int = 1,
    least: float = 0.0,
    cv: Mapping[str, float] | None = None,
    numbers: ModelInputs | None = None,
    level: float = 0.95,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[OutcomeSensitivity, ...]:
    """Return what each uncertain number does to each outcome.

    Each base sample has patients of its own, whom all its runs treat, and one more run at the medians of the priors:
    what is analysed is the difference from that one, in each half of the patients.

    Parameters
    ----------
    mg
        gives patients' planned and reference doses, (patients, 2) [mg].
    patients
        of each base sample; even, 20 or more.
    window
        of the DLT rate [d].
    cycles, interval
        how many cycles at most, of how many days.
    samples, seed
        a power of 2, and the seed of everything; patients are treated samples x (numbers + 3) times.
    least
        the least share of tumour cells stained 2+ or more that patients have.
    cv
        how uncertain numbers are, in place of what :func:`priors` says.
    numbers
        the model's inputs, in place of those stated.
    level
        of the bootstrap intervals.
    progress
        called with how many runs are done, and how many there are.

    Raises
    ------
    ValueError
        if ``samples`` is no power of 2, there are too few patients, the window is not above 0, or ``cv`` names no
        number.
    """
    for name, value, holds, right in (
        ("patients", patients, patients >= 20 and patients % 2 == 0, "even, 20 or more: halves of them tell the noise"),
        (
            "window",
            window,
            0 < window <= cycles * interval,
            f"above 0, and {cycles * interval:g} d of treatment at most",
        ),
        ("least", least, 0 <= least <= 0.95, "a share from 0 to 0.95"),
    ):
        if not holds:
            raise ValueError(f"{name} is {value:g}: it must be {right}")
    start = numbers or ModelInputs()
    varied = priors(start, cv)
    k = len(varied)
    z = sample_points(k, samples, seed)
    drawn = np.stack([prior.at(z[:, j]) for j, prior in enumerate(varied.values())], axis=1)
    usual = np.array([prior.quantity.value for prior in varied.values()])
    halves = (slice(patients // 2), slice(patients // 2, None))
    result = np.empty((samples, k + 3, len(halves), len(OUTCOMES)))
    for s, block in enumerate(drawn.reshape(samples, k + 2, k)):
        panel = PatientPanel.draw((seed, s), patients, mg, least=least, compound=start.compound)
        for i, row in enumerate([*block, usual]):
            treated = panel.treated(start.at(dict(zip(varied, row.tolist(), strict=True))), cycles, interval)
            result[s, i] = [outcomes(treated, window, who) for who in halves]
        progress((s + 1) * (k + 3), samples * (k + 3))
    return tuple(_found(name, result[..., j], varied, seed, level) for j, name in enumerate(OUTCOMES))


def _found(name: str, result: Floats, varied: Mapping[str, Prior], seed: int, level: float) -> OutcomeSensitivity:
    """Return what is found of one outcome, (samples, runs, 2), the last run that at the medians."""
    usual, change = float(result[:, -1].mean()), result[:, :-1] - result[:, -1:]
    low, high = usual + np.quantile(change[:, [0, -1]].mean(axis=2), [0.025, 0.975])
    beyond = float((result[:, :-1] >= FOLLOW_UP_DAYS / MONTH).mean()) if name == "PFS median" else 0.0
    if np.ptp(change) == 0:
        return OutcomeSensitivity(name, usual, usual, usual, (), 0.0, beyond)
    found = indices(change.reshape(-1, 2), len(varied), seed, level)
    rows = SobolIndex.ranked(varied, found) if found.noise < 1 else []
    return OutcomeSensitivity(name, usual, float(low), float(high), tuple(rows), found.noise, beyond)
