"""The concentration at the dose."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.nca.parameters import nca


def test_the_concentration_at_the_dose_is_said() -> None:
    value = np.array([[1.0, 4, 2, 1, 0.5]])
    after = np.array([[1.0, 2, 3, 4, 5]])
    assert nca(after, value).start == ("zero",)
    assert nca(after - 1.5, value).start == ("sample before the dose",)
    assert nca(after - 1, value).start == ("sampled",)
    assert nca(after, value, tau=5.0).start == ("zero",)  # before a first dose there was nothing
    later = nca(after, value, dosing="later", tau=4.0)
    assert later.start == ("lowest in the interval",) and later.c_0[0] == 1.0


def test_a_bolus_whose_sample_before_the_dose_is_zero_has_the_peak_that_was_measured() -> None:
    after = nca(np.array([1.0, 2, 4, 8]), np.array([8.0, 4, 2, 1]), 10.0, route="bolus")
    before = nca(np.array([0.0, 1, 2, 4, 8]), np.array([0.0, 8, 4, 2, 1]), 10.0, route="bolus")
    assert before.c_0[0] == after.c_0[0] == 16
    assert before.c_max[0] == after.c_max[0] == 8 and before.t_max[0] == after.t_max[0] == 1


@pytest.mark.parametrize("when", [0.0, -0.2])
def test_a_trough_before_a_bolus_is_not_the_concentration_at_the_dose(when: float) -> None:
    """At steady state: AUCtau is dose / clearance, which a trough in place of C0 would miss by 7 %."""
    rate, tau, dose, volume = 0.2, 12.0, 100.0, 4.0
    after = np.array([0.5, 1, 2, 4, 8, 12])
    level = lambda t: dose / volume * np.exp(-rate * t) / (1 - np.exp(-rate * tau))
    found = nca(
        np.append(when, after), np.append(level(tau), level(after)), dose, route="bolus", dosing="steady state", tau=tau
    )
    assert found.start == ("back-extrapolated",)
    assert found.c_0[0] == pytest.approx(level(0.0), rel=1e-12)
    assert found.clearance_ss[0] == pytest.approx(rate * volume, rel=1e-12)
    assert found.c_max[0] == level(0.5) and found.interval.lowest[0] == pytest.approx(level(tau))
    sampled = nca(
        np.append(0.0, after), np.append(level(0.0), level(after)), dose, route="bolus", dosing="steady state", tau=tau
    )
    assert sampled.start == ("sampled",) and sampled.c_max[0] == level(0.0)
