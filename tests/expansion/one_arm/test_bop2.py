"""BOP2 against BOP2FE, its exact characteristics against simulation and against the binary table."""

from __future__ import annotations

import numpy as np
import pytest

from posology.expansion.one_arm.bop2 import Bop2, bop2_binary, bop2_search
from tests.expansion.cases import cases

KINDS = {"nested": "nested", "coprimary": "co-primary", "jointefftox": "efficacy and toxicity"}


@pytest.mark.parametrize(("given_", "right"), cases("bop2fe_boundary_binary"))
def test_one_endpoint(given_: dict, right: dict) -> None:
    looks = np.cumsum(given_["n"]).tolist()
    table = bop2_binary(
        looks,
        given_["H0"],
        lambda_=given_["lambda"],
        gamma=given_["gamma"],
        eta=given_["eta"],
        prior=(given_["a1"], given_["b1"]),
    )
    if "error" in right:  # with two looks the package fails; the design is well defined
        assert table.looks == tuple(looks)
        return
    assert list(table.futility) == right["cnf"][0][2:] and list(table.success) == right["cns"][0][2:]


@pytest.mark.parametrize(
    ("kind", "given_", "right"),
    [(name, *case) for file, name in KINDS.items() for case in cases(f"bop2fe_boundary_{file}")],
)
def test_two_endpoints(kind: str, given_: dict, right: dict) -> None:
    looks = tuple(np.cumsum(given_["n"]).tolist())
    design = Bop2(
        kind,
        looks,
        tuple(given_["H0"]),
        lambda_=given_["lambda"],
        gamma=given_["gamma"],
        eta=given_["eta"],
        prior=tuple(given_["a"]),
    )
    first, second = design.boundaries
    # the package prints 0 and n where no count crosses
    futile, efficacious = (
        [max(x, 0) for x in first.futility],
        [min(x, n) for x, n in zip(first.success, looks, strict=True)],
    )
    if design.counts_toxicity:
        futile += [min(x, n) for x, n in zip(second.success, looks, strict=True)]
        efficacious += [max(x, 0) for x in second.futility]
    else:
        futile += [max(x, 0) for x in second.futility]
        efficacious += [min(x, n) for x, n in zip(second.success, looks, strict=True)]
    assert futile == right["cnf"]["rows"][0][2:] and efficacious == right["cns"]["rows"][0][2:]


@pytest.mark.parametrize("kind", KINDS.values())
def test_exact_equals_simulation(kind: str) -> None:
    null = (0.15, 0.15, 0.7) if kind == "nested" else (0.1, 0.2, 0.2, 0.5)
    design = Bop2(kind, (10, 20, 30), null, lambda_=0.8, gamma=0.5, eta=1.0)
    truth = np.array((0.25, 0.2, 0.55) if kind == "nested" else (0.15, 0.3, 0.1, 0.45))
    exact = design.characteristics([truth])
    rng, trials = np.random.default_rng(5), 20_000
    margins = np.array([(1, 0, 0), (1, 1, 0)] if kind == "nested" else [(1, 1, 0, 0), (1, 0, 1, 0)])
    counts, going = np.zeros((trials, 2), int), np.ones(trials, bool)
    promising, patients = np.zeros(trials, bool), np.zeros(trials)
    for n in design.looks:
        counts += rng.multinomial(10, truth, size=trials) @ margins.T
        futile, effective = (table[counts[:, 0], counts[:, 1]] for table in design.verdicts(n))
        last = n == design.looks[-1]
        patients[going] = n
        promising |= going & ~futile & (effective | last)
        going &= ~(futile | effective)
    assert abs(promising.mean() - exact.promising[0]) < 4 * 0.5 / np.sqrt(trials)
    assert abs(patients.mean() - exact.patients[0]) < 4 * patients.std() / np.sqrt(trials)


def test_decisions_follow_the_tables() -> None:
    design = Bop2("efficacy and toxicity", (10, 20), (0.15, 0.3, 0.15, 0.4), lambda_=0.8, gamma=0.5, eta=1.0)
    response, toxicity = design.boundaries
    assert design.decide(10, response.futility[0], 0) == "futility"
    assert design.decide(10, 10, toxicity.success[0]) == "futility"
    assert design.decide(20, 20, 0) == "promising"
    with pytest.raises(ValueError, match="no look"):
        design.decide(15, 3, 3)


def test_the_search_keeps_its_error_and_none_tried_has_more_power() -> None:
    _, _, design = bop2_search([10, 20, 30], 0.2, 0.4)
    level, power = design.characteristics([0.2, 0.4]).power
    assert level <= 0.1
    for lambda_ in (0.7, 0.8, 0.9):
        other = bop2_binary([10, 20, 30], 0.2, lambda_=lambda_, gamma=1.0).characteristics([0.2, 0.4]).power
        assert other[0] > 0.1 or other[1] <= power + 1e-9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"null": (0.5, 0.5)}, "categories"),
        ({"null": (0.2, 0.2, 0.2)}, "sum to 1"),
        ({"lambda_": 1.2}, "between 0 and 1"),
        ({"looks": (10, 10)}, "increase"),
        ({"endpoints": "other"}, "must be"),
    ],
)
def test_what_cannot_be(change: dict, words: str) -> None:
    arguments = {"endpoints": "nested", "looks": (10, 20), "null": (0.1, 0.2, 0.7), "lambda_": 0.8, "gamma": 0.5}
    with pytest.raises(ValueError, match=words):
        Bop2(**{**arguments, **change})
