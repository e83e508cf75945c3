"""What matters for a trial: Sobol indices of the clinical tier, against brute force and what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR
from posology.pharmacology.virtual_patients.demographics import VirtualPatients
from posology.simulation.global_sensitivity import (
    ASSUMED_CV,
    OUTCOMES,
    ModelInputs,
    PatientPanel,
    median_between_visits,
    outcome_sensitivities,
    outcomes,
    priors,
    same_risk,
)
from posology.simulation.potential_outcomes import draw_patients


def flat(people: VirtualPatients) -> np.ndarray:
    return np.full((len(people), 2), 355.0)


def test_the_numbers_as_they_are_change_nothing() -> None:
    start = ModelInputs()
    same = start.at({name: q.value for name, q in start.quantities().items()})
    assert {n: q.value for n, q in same.quantities().items()} == pytest.approx(
        {n: q.value for n, q in start.quantities().items()}
    )


def test_the_hazard_keeps_its_risk_with_the_slope() -> None:
    for power in (1.0, 2.0, 3.0):
        calibrated = IMGN853_OCULAR.with_power(power).h0.value
        assert IMGN853_OCULAR.h0.value * same_risk(power) == pytest.approx(calibrated, rel=1e-9)
    risks = []
    panel = PatientPanel.draw((1, 0), 1000, flat)
    for power in (1.0, 2.0, 3.0):
        treated = panel.treated(ModelInputs().at({"ocular.power": power}), 8, 21.0)
        risks.append(np.isfinite(treated.ocular).mean())
    assert np.ptp(risks) < 0.05  # of 51 %; the three were calibrated to whole points


def test_grades_never_leave_less_than_none() -> None:
    high = ModelInputs().at({"ocular.grade2": 0.8, "ocular.grade3": 0.7, "ocular.grade4": 0.1})
    assert sum(q.value for q in high.ocular.grades) == pytest.approx(1.0)
    few = np.array([q.value for q in ModelInputs().at({"ocular.grade3": 0.3}).ocular.grades])
    two, _, four = (q.value for q in IMGN853_OCULAR.grades)
    np.testing.assert_allclose(few, [two, 0.3, four])


def test_priors_say_where_they_come_from() -> None:
    found = priors()
    assert found["ocular.power"].why == "stated with the number" and found["ocular.power"].quantity.cv == 0.4
    assert all(found[name].why == why for name, (_, why) in ASSUMED_CV.items())
    assert "others.delay" not in found  # not said to be uncertain: it stays
    changed = priors(cv={"others.delay": 0.5, "ocular.power": 0})
    assert changed["others.delay"].why == "given by the user" and "ocular.power" not in changed
    with pytest.raises(ValueError, match=r"ocular\.pwer is no number .* did you mean ocular\.power"):
        priors(cv={"ocular.pwer": 0.3})


def test_at_their_medians_the_patients_are_those_of_virtual_trials() -> None:
    """The same clinical tier as `posology simulate designs` uses, within four standard errors of 4,000 and 4,000
    patients."""
    panel = PatientPanel.draw((3, 0), 4000, flat)
    ours = outcomes(panel.treated(ModelInputs(), 8, 21.0), 21.0)
    theirs = draw_patients(np.random.default_rng(5), 40, 100, lambda people: np.full((len(people), 1), 355.0))
    for found, other in (
        (ours[0], theirs.rate(21.0)[0]),
        (ours[1], theirs.ocular_rate()[0]),
        (ours[2], theirs.response.mean()),
    ):
        assert abs(found - other) < 4 * np.sqrt(2 * other * (1 - other) / 4000)


def test_median_between_visits() -> None:
    visits = np.array([0.0, 42, 84, 126])
    assert median_between_visits(np.full(10, np.inf), visits) == 126
    assert median_between_visits(np.array([42.0] * 3 + [84] * 7), visits) == pytest.approx(42 + 42 * 2 / 7)
    late = np.array([42.0] * 4 + [84] * 6)
    assert median_between_visits(late, visits) > median_between_visits(np.array([42.0] * 3 + [84] * 7), visits) - 42


def only(*names: str) -> dict[str, float]:
    """Return what leaves all numbers but these as they are."""
    return {name: 0.0 for name in priors() if name not in names}


def test_what_one_number_does_alone_is_all_of_it() -> None:
    found = {
        each.outcome: each for each in outcome_sensitivities(flat, patients=100, samples=32, cv=only("response.kd"))
    }
    response = found["response rate"].rows
    assert [row.name for row in response] == ["response.kd"] and response[0].total == pytest.approx(1.0, abs=0.4)
    assert found["DLT rate"].rows == () and found["DLT rate"].low == found["DLT rate"].high


def test_the_same_seed_gives_the_same_and_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    once = outcome_sensitivities(
        flat, patients=20, samples=16, cv=only("others.dlt", "response.kg"), progress=lambda a, b: told.append((a, b))
    )
    assert once == outcome_sensitivities(flat, patients=20, samples=16, cv=only("others.dlt", "response.kg"))
    assert told[-1] == (80, 80) and [each.outcome for each in once] == list(OUTCOMES)


@pytest.mark.slow
def test_against_a_double_loop() -> None:
    """Brute force: the variance of the mean of an outcome given one number, of 2,000 patients a point, on a grid of
    quantiles.

    The DLT rate goes with two numbers that act without each other: the rate of other DLTs and the share of ocular grade
    3. The first index of each is its variance over the sum.
    """
    names = ("others.dlt", "ocular.grade3")
    varied, panel = priors(), PatientPanel.draw((8, 0), 2000, flat)
    from scipy.stats import norm

    grid = norm.ppf((np.arange(24) + 0.5) / 24)
    alone = {}
    for name in names:
        rates = [
            outcomes(panel.treated(ModelInputs().at({name: float(varied[name].at(z))}), 3, 21.0), 42.0)[0] for z in grid
        ]
        alone[name] = float(np.var(rates))
    both = [
        outcomes(
            panel.treated(
                ModelInputs().at({n: float(varied[n].at(z)) for n, z in zip(names, pair, strict=True)}), 3, 21.0
            ),
            42.0,
        )[0]
        for pair in np.random.default_rng(1).standard_normal((300, 2))
    ]
    found = outcome_sensitivities(flat, patients=200, samples=256, window=42.0, cycles=3, cv=only(*names), seed=2)[0]
    index = {row.name: row for row in found.rows}
    for name in names:
        expected = alone[name] / sum(alone.values())
        assert abs(index[name].first - expected) < 1.5 * index[name].first_half_width
        assert abs(index[name].total - expected) < 1.5 * index[name].total_half_width + 0.05
    assert np.var(both) == pytest.approx(sum(alone.values()), rel=0.35)  # they add up


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"samples": 100}, "samples is 100: it must be a power of 2"),
        ({"patients": 21}, "patients is 21: it must be even"),
        ({"window": 0.0}, "window is 0: it must be above 0"),
        ({"window": 400.0}, "window is 400: .* 168 d of treatment at most"),
        ({"least": 1.0}, "least is 1: it must be a share"),
        ({"cv": only()}, "no number is uncertain"),
    ],
)
def test_what_cannot_be_is_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        outcome_sensitivities(flat, **{"patients": 20, "samples": 16, **change})


def test_patients_with_much_target_alone() -> None:
    panel = PatientPanel.draw((1, 0), 50, flat, least=0.75)
    assert len(panel.people) == 50 and panel.people.ps2.min() >= 0.75
