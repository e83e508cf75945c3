"""Death against the paper's Weibull hazard."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.clinical.survival import OVARIAN_SURVIVAL, death_day, time_at_cumulative_hazard
from posology.pharmacology.clinical.tumour_size import NEVER, TumourDynamics


def test_inversion_is_linear_within_a_piece_and_never_beyond() -> None:
    found = time_at_cumulative_hazard(
        np.array([[1.0, 3.0], [1.0, 3.0], [1.0, 3.0]]), np.array([0.0, 10, 20]), np.array([0.5, 3.0, 3.1])
    )
    assert found.tolist() == [5.0, 20.0, NEVER]


def test_death_is_the_weibull_of_the_paper() -> None:
    """Sizes that stay and no new lesions: the survival function in closed form."""
    n = 50_000
    still = TumourDynamics(*(np.full(n, x) for x in (0.0, 0.0, 0.1, 70.0, np.inf)))
    days = death_day(still, np.ones(n), np.random.default_rng(2).exponential(size=n))
    s = OVARIAN_SURVIVAL
    for t in (180.0, 365, 730):
        wanted = np.exp(-((s.lam.value * t) ** s.alpha.value) * np.exp(s.size.value + s.ecog.value))
        assert (days > t).mean() == pytest.approx(wanted, abs=0.008)
