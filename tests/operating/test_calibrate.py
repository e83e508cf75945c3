"""Calibration against dfcrm, and by its properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Blrm, Boin, Crm
from posology.operating import enumerate_trials
from posology.operating.calibrate import (
    coherent,
    coherent_initial_sequence,
    prior_effective_sample_size,
    required_sample_size,
    search,
    sensitivity,
    skeleton,
)
from posology.operating.scenarios import logistic_set
from tests.designs.test_three_plus_three import cases


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_getprior"))
def test_skeletons_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    found = skeleton(
        inputs["halfwidth"],
        inputs["target"],
        inputs["nu"],
        inputs["nlevel"],
        inputs["model"],
        inputs.get("intcpt", 3.0),
    )
    np.testing.assert_allclose(found, outputs["skeleton"], atol=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_crmsens"))
def test_sensitivity_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """The package bisects to 1e-6 in the sum of two rates."""
    prior = tuple(inputs["prior"])
    found = sensitivity(Crm(len(prior), inputs["target"], skeleton=prior, model=inputs["model"]))
    np.testing.assert_allclose(np.stack([found.low_beta, found.high_beta], axis=1), outputs["Hset"], atol=2e-5)
    for j, (low, high) in enumerate(outputs["iint"]):
        assert low is None or found.low_rate[j] == pytest.approx(low, abs=2e-6)
        assert high is None or found.high_rate[j] == pytest.approx(high, abs=2e-6)


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_cohere_getinit"))
def test_initial_sequences_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    design = Crm(len(inputs["prior"]), inputs["target"], skeleton=tuple(inputs["prior"]))
    if inputs.get("function") == "getinit":
        assert coherent_initial_sequence(design, inputs["n"]) == tuple(np.bincount(outputs["x0"])[1:].tolist())
    else:
        counts = np.bincount(inputs["x0"])[1:].tolist()
        assert coherent(design, counts) == (outputs["message"] == "Coherent")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs"), [c for c in cases("dfcrm_getn") if c.values[1]["n"] <= 38 and c.values[0]["target"] >= 0.2]
)
def test_sample_sizes_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """The package's sample size is a fitted formula: with that many patients our exact chance is near the wished
    one."""
    levels, target = inputs["nlevel"], inputs["target"]
    prior = skeleton(0.25 * target, target, (levels + 1) // 2, levels)
    design = Crm(levels, target, skeleton=prior, cohort=1, start=(levels - 1) // 2, max_patients=outputs["n"])
    found = enumerate_trials(design).characteristics(logistic_set(levels, target, inputs["psi"])).correct(target).mean()
    assert found == pytest.approx(inputs["apcs"], abs=0.05)


def test_the_smallest_sample_size() -> None:
    scenarios = logistic_set(3, 0.3, 2.5)
    size, looked = required_sample_size(Boin(3, 0.3), scenarios, 0.3, 0.6, range(6, 40, 3))
    assert size is not None
    assert looked[size] >= 0.6
    assert all(chance < 0.6 for n, chance in looked.items() if n < size)
    assert required_sample_size(Boin(3, 0.3), scenarios, 0.3, 0.99, [6, 9])[0] is None


def test_what_a_prior_is_worth() -> None:
    """A logit-normal prior so wide that it is nearly two points is worth nearly nothing, a narrow one much."""
    from posology.designs import Normal

    at = lambda sd: prior_effective_sample_size(
        Blrm(1, 0.25, doses=(1,), reference=1, prior=(Normal((0.0, 0.0), (sd, 0.5)),))
    )[0]
    assert at(6.0) < 0.6
    assert at(0.2) > 90
    assert at(1.7) == pytest.approx(2, abs=0.3)  # about uniform


def test_a_search_is_exact_and_sorted() -> None:
    scenarios = logistic_set(3, 0.25, 2.0)
    seen: list[tuple[int, int]] = []
    build = lambda halfwidth: Crm(3, 0.25, skeleton=skeleton(halfwidth, 0.25, 2, 3), max_patients=12)
    tried = search(build, {"halfwidth": [0.02, 0.05, 0.1]}, scenarios, 0.25, lambda done, of: seen.append((done, of)))
    assert [t.correct for t in tried] == sorted((t.correct for t in tried), reverse=True)
    best = enumerate_trials(build(tried[0].parameters["halfwidth"])).characteristics(scenarios)
    assert tried[0].correct == pytest.approx(best.correct(0.25).mean())
    assert seen[-1] == (3, 3)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: skeleton(0.3, 0.25, 2, 5), "below 0.25"),
        (lambda: skeleton(0.05, 0.25, 7, 5), "levels 1 to 5"),
        (lambda: skeleton(0.05, 1.25, 2, 5), "between 0 and 1"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()
