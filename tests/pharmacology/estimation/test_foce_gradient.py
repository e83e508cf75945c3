"""The gradient of the objective function against differences of it, for every kind of parameter that a search has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posology.pharmacology.estimation.error_models import ERROR_MODELS
from posology.pharmacology.estimation.foce import _Search, simulate
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ORAL, TWO_COMPARTMENTS

TIMES = (0.1, 1.0, 3.0, 7.0, 14.0)
TRUTH = Population(
    {"CL": 0.4, "V1": 2.5, "Q": 0.5, "V2": 1.5},
    ("CL", "V1"),
    np.array([[0.09, 0.03], [0.03, 0.0625]]),
    ResidualError(0.3, 0.12),
)


def people(count: int = 12) -> list[SubjectData]:
    return [
        SubjectData(
            str(i),
            [(0.0, 300.0 + 10 * i, 0.1, 0.0), (7.0, 300.0, 0.1, 0.0)],
            [(t, 1.0, False) for t in TIMES],
            covariates={"WT": 50.0 + 3 * i},
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("error", ERROR_MODELS)
@pytest.mark.parametrize("limit", [0.0, 40.0])
def test_the_gradient_is_that_of_the_objective_function(full: bool, error: str, limit: float) -> None:
    kind = ERROR_MODELS[error]
    effects = (CovariateEffect("CL", "WT", 70.0), CovariateEffect("V2", "WT", 70.0, 1.0))
    truth = replace(TRUTH, residual=kind.start(kind.defaults), effects=effects)
    data = pk_dataset(people())
    drawn = simulate(TWO_COMPARTMENTS, data, truth, np.random.default_rng(2))[0]
    search = _Search(Parameterisation(TWO_COMPARTMENTS, truth, full), data.with_values(np.maximum(drawn, 0.1), limit))
    x = search.parameterisation.vector() + 0.05
    search.value(x)
    exact, h = search.gradients(x), 1e-4
    numeric = [(search.evaluate(x + h * u)[0] - search.evaluate(x - h * u)[0]) / (2 * h) for u in np.eye(len(x))]
    assert exact == pytest.approx(np.stack(numeric, axis=1), rel=1e-3, abs=1e-3)


def test_optima_move_as_their_derivatives_say() -> None:
    data = pk_dataset(people())
    start = Population({"ka": 1.0, "CL": 0.4, "V": 3.0}, ("ka", "CL"), np.eye(2) * 0.09, ResidualError(0.2, 0.2))
    data = data.with_values(np.maximum(simulate(ORAL, data, start, np.random.default_rng(4))[0], 0.01))
    search = _Search(Parameterisation(ORAL, start, False), data)
    x = search.parameterisation.vector()
    search.value(x)
    search.gradients(x)
    near, _ = search.near(x + 1e-3)
    assert search.evaluate(x + 1e-3)[1].eta == pytest.approx(near, abs=2e-5)
