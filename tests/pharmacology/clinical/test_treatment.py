"""The reduced clinical tier: closed forms, published targets V11 to V14, hazards against an ODE solver, doses that
change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import binom

from posology.pharmacology.clinical.ca125 import CA125, from_tumour_size, gcig_halved
from posology.pharmacology.clinical.dose_modification import as_planned
from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, ocular_hazard, ocular_risk
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.treatment import TreatmentOutcome, treat
from posology.pharmacology.clinical.tumour_size import MONTH, TumourDynamics
from posology.pharmacology.disposition.linear_compartments import Exponentials, two_compartment
from tests.pharmacology.clinical.test_tumour_size import one

PATIENTS = 8000
PLASMA = two_compartment(cl=0.417, v1=2.3, q=0.5, v2=0.6)
"""Of antibody with at least one drug, the typical patient."""


@pytest.fixture(scope="module")
def varied() -> Exponentials:
    factor = np.exp(0.33 * np.random.default_rng(8).standard_normal(PATIENTS))
    return two_compartment(0.417 * factor, 2.3, 0.5, 0.6)


@pytest.fixture(scope="module")
def fate() -> PatientPotentialOutcomes:
    return PatientPotentialOutcomes.draw(np.random.default_rng(9), PATIENTS, explained=0.3)


@pytest.fixture(scope="module")
def trial(fate: PatientPotentialOutcomes, varied: Exponentials) -> TreatmentOutcome:
    return treat(fate, varied, 355.0, cycles=24)


def test_marker_against_scipy() -> None:
    t = np.arange(0.0, 301)
    dynamics, k, ca0, g = one(), 0.037, 167.0, 3.0
    found = from_tumour_size(t, dynamics.log_change(t), k, ca0, g)[0]
    burden = lambda s: np.exp(g * dynamics.log_change(np.array([s])))[0, 0]
    wanted = solve_ivp(lambda s, y: k * (ca0 * burden(s) - y), (0, 300), [ca0], t_eval=t, rtol=1e-9, atol=1e-9).y[0]
    assert found == pytest.approx(wanted, rel=1e-4)


def test_risk_over_patients_against_draws() -> None:
    rng = np.random.default_rng(4)
    drawn = (rng.exponential(size=200_000) * np.exp(-2.2 * rng.standard_normal(200_000)) < 0.7).mean()
    assert ocular_risk(0.7, 2.2) == pytest.approx(drawn, abs=0.004)


def test_marker_response_needs_28_days() -> None:
    assert not gcig_halved(np.array([[400.0, 190, 180]]), [0, 21, 42])[1][0]
    assert gcig_halved(np.array([[400.0, 190, 180]]), [0, 21, 49])[1][0]
    assert not gcig_halved(np.array([[400.0, 190, 210, 180]]), [0, 21, 42, 63])[1][0]
    assert not gcig_halved(np.array([[60.0, 20, 20, 20]]), [0, 21, 42, 63])[0][0]


def test_v11_response_of_mirasol(trial: TreatmentOutcome) -> None:
    responded = np.isfinite(trial.judged.response)
    assert responded.mean() == pytest.approx(0.42, abs=0.04)
    assert np.median(trial.progression_free) / MONTH == pytest.approx(5.6, abs=0.6)
    lasted = (trial.progression_free - trial.judged.response)[responded]
    assert np.median(lasted) / MONTH == pytest.approx(6.8, abs=1.0)


def test_v12_marker_response(trial: TreatmentOutcome) -> None:
    days = np.arange(0, 379, 21)
    evaluable, found = gcig_halved(trial.ca125(days), days, last=trial.progression_free)
    assert 0.53 - 0.06 <= found.sum() / evaluable.sum() <= 0.58 + 0.06
    linear = from_tumour_size(
        np.arange(379.0),
        trial.fate.dynamics.log_change(np.arange(379.0), trial.start, trial.exposure),
        trial.fate.kelim,
        trial.fate.ca0,
        1.0,
    )[:, days]
    evaluable, found = gcig_halved(linear, days, last=trial.progression_free)
    assert found.sum() / evaluable.sum() < 0.53 - 0.06  # burden in proportion to the diameter fails


def test_v13_ocular_events_and_delays(trial: TreatmentOutcome) -> None:
    came = np.isfinite(trial.ocular)
    assert came.mean() == pytest.approx(0.58, abs=0.05)
    assert 0.11 - 0.05 <= (trial.episodes.worst >= 3).mean() <= 0.16 + 0.05
    assert 4.5 <= np.median(trial.ocular[came]) / 7 <= 6
    assert trial.delayed.mean() == pytest.approx(0.39, abs=0.05)
    assert np.isfinite(trial.neuropathy).mean() == pytest.approx(0.33, abs=0.05)


def test_v14_dose_limiting_toxicities_of_phase_1(fate: PatientPotentialOutcomes, varied: Exponentials) -> None:
    """7 mg/kg of total weight: 1 of 5 within 21 days; 6 mg/kg of adjusted ideal weight: none of 6."""
    ideal = 59.1
    seven = treat(fate, varied, 7 * 70.0, reference=6 * ideal, cycles=1).dlt_within(21).mean()
    six = treat(fate, varied, 6 * ideal, reference=6 * ideal, cycles=1).dlt_within(21).mean()
    assert binom.ppf(0.025, 5, seven) <= 1 <= binom.ppf(0.975, 5, seven)
    assert binom.ppf(0.025, 6, six) <= 0 <= binom.ppf(0.975, 6, six)
    assert six < seven


@pytest.mark.parametrize(
    ("power", "onset", "risks", "by_dose"),
    [
        (1, 34, (0.21, 0.33, 0.41), (0.41, 0.49, 0.55, 0.60)),
        (2, 38, (0.16, 0.31, 0.39), (0.25, 0.39, 0.52, 0.63)),
    ],
)
def test_ocular_risk_as_tabled(
    varied: Exponentials, power: float, onset: float, risks: tuple[float, ...], by_dose: tuple[float, ...]
) -> None:
    """The calibration to 58 % by 24 weeks: onset, the shares within 21, 42 and 63 days, risk by dose."""
    ocular = IMGN853_OCULAR.with_power(power)
    some = Exponentials(varied.coefficients[:400], varied.rates[:400])

    def course(dose: float) -> np.ndarray:
        effect = EffectCompartment.start(some, ocular.ke.value, 400)
        unit, level = effect.unit(np.tile(np.arange(21.0), (400, 1))), []
        for _ in range(8):
            effect = effect.dosed(dose)
            level.append(effect.at(unit)[2])
            effect = effect.after(np.full(400, 21.0))
        hazard = ocular_hazard(np.hstack(level), ocular)
        return np.asarray(ocular_risk(np.cumsum(hazard, axis=1), ocular.between.value).mean(axis=0))

    risk = course(355.0)
    assert risk[-1] == pytest.approx(0.58, abs=0.015)
    assert np.searchsorted(risk, risk[-1] / 2) == pytest.approx(onset, abs=3)
    assert risk[[20, 41, 62]] == pytest.approx(risks, abs=0.02)
    assert [course(355 * mg / 6)[-1] for mg in (2, 3.3, 5, 7)] == pytest.approx(by_dose, abs=0.03)


def test_a_window_of_21_days_misses_most_ocular_events(trial: TreatmentOutcome) -> None:
    came = trial.ocular[np.isfinite(trial.ocular)]
    assert 0.18 < (came <= 21).mean() < 0.40


def test_fate_is_fixed_and_the_dose_matters(fate: PatientPotentialOutcomes, varied: Exponentials) -> None:
    low, high = (treat(fate, varied, 355.0 * f, cycles=6, rule=as_planned) for f in (0.5, 1.0))
    assert np.array_equal(low.fate.grade, high.fate.grade)
    assert np.all(low.size[:, 1:3] >= high.size[:, 1:3])
    both = np.isfinite(low.ocular) & np.isfinite(high.ocular)
    assert np.all(high.ocular[both] <= low.ocular[both] + 1e-9)
    assert low.first_dlt().mean() >= high.first_dlt().mean() or np.isinf(low.first_dlt().mean())
    assert [high.dlt_within(w).mean() for w in (21, 42, 63)] == sorted(high.dlt_within(w).mean() for w in (21, 42, 63))


def test_after_grade_3_a_level_less(trial: TreatmentOutcome) -> None:
    planned = 355.0
    levels_given = np.unique((trial.mg[trial.mg > 0] / planned).round(6))
    assert levels_given.tolist() == pytest.approx([4 / 6, 5 / 6, 1.0])
    milder = trial.episodes.worst <= 2
    assert np.all((trial.mg[milder] == 0) | (trial.mg[milder] == planned))
    assert np.all(trial.mg.argmin(axis=1)[trial.mg.min(axis=1) == 0] > 0)  # nobody goes without the first


def test_a_rule_of_ones_own_is_checked() -> None:
    few = PatientPotentialOutcomes.draw(np.random.default_rng(1), 3)
    with pytest.raises(ValueError, match=r"patient 2, day 21: the rule gives the delay as -1 d"):
        treat(few, PLASMA, 355.0, cycles=2, rule=lambda s: (np.ones(3), np.array([0.0, -1, 0])))
    with pytest.raises(ValueError, match=r"patient 3: the planned dose is nan mg"):
        treat(few, PLASMA, [355.0, 355.0, np.nan])
    with pytest.raises(ValueError, match="cycles is 0"):
        treat(few, PLASMA, 355.0, cycles=0)


def test_seeds_give_the_same_patients() -> None:
    a, b = (PatientPotentialOutcomes.draw(np.random.default_rng(3), 50) for _ in range(2))
    assert np.array_equal(a.eyes.hazard, b.eyes.hazard) and np.array_equal(a.dynamics.kd, b.dynamics.kd)


def test_known_baselines_are_kept() -> None:
    fate = PatientPotentialOutcomes.draw(
        np.random.default_rng(3), 3, s0=[40.0, 60, 80], ca0=[100.0, 200, 300], receptor=[60.0, 6.0, 0.0]
    )
    assert fate.dynamics.s0.tolist() == [40, 60, 80] and fate.ca0.tolist() == [100, 200, 300]
    assert fate.dynamics.kd[2] == 0  # no target, no shrinkage
    plain = PatientPotentialOutcomes.draw(np.random.default_rng(3), 3)
    assert fate.dynamics.kd[0] == pytest.approx(plain.dynamics.kd[0])


def test_refusals() -> None:
    with pytest.raises(ValueError, match="patient 2: s0 is -3 mm"):
        TumourDynamics.draw(np.random.default_rng(1), 2, s0=[40.0, -3])
    with pytest.raises(ValueError, match="explained is 2: kd's logarithm"):
        TumourDynamics.draw(np.random.default_rng(1), 2, explained=2.0)
    with pytest.raises(ValueError, match="power is 7: the scenarios"):
        IMGN853_OCULAR.with_power(7)
    with pytest.raises(ValueError, match="patient 1: kelim is 0 /d"):
        from_tumour_size(np.arange(3.0), np.zeros((1, 3)), 0.0, 167.0)


def test_numbers_carry_how_well_they_are_known() -> None:
    assert CA125.kelim.evidence == "retrieved"
    assert IMGN853_OCULAR.power.evidence == "assumed"
    remembered = [q for q in IMGN853_OCULAR.grades if "memory" in q.source]
    assert all("quoted from memory of the label, to be checked" in q.source for q in remembered) and remembered
    assert replace(CA125, power=CA125.power.at(2.0)).power.evidence == "assumed"
