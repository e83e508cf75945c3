"""The effect compartment against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from tests.pharmacology.clinical.test_treatment import PLASMA


@pytest.mark.parametrize("ke", [0.12, 0.3, float(PLASMA.rates[0]), float(PLASMA.rates[1])])
def test_effect_compartments_against_scipy(ke: float) -> None:
    """Two doses and a gap, carried in steps; ke may equal a rate of plasma."""
    effect = (
        EffectCompartment.start(PLASMA, ke, 1).dosed(355.0).after(np.array([21.0])).after(np.array([7.0])).dosed(296.0)
    )
    since = np.array([[0.0, 1.0, 10.0, 21.0]])
    c, first, second = (a[0] for a in effect.at(effect.unit(since)))
    plasma = lambda t: (
        float((PLASMA.coefficients * (355 * np.exp(-PLASMA.rates * t))).sum())
        + (float((PLASMA.coefficients * (296 * np.exp(-PLASMA.rates * (t - 28)))).sum()) if t >= 28 else 0)
    )
    rule = lambda t, y: [ke * (plasma(t) - y[0]), ke * (y[0] - y[1])]
    before = solve_ivp(rule, (0, 28), [0, 0], rtol=1e-10, atol=1e-12, max_step=0.5).y[:, -1]
    after = solve_ivp(rule, (28, 49), before, t_eval=28 + since[0], rtol=1e-10, atol=1e-12, max_step=0.5).y
    assert c == pytest.approx([plasma(28 + s) for s in since[0]], rel=1e-10)
    assert first == pytest.approx(after[0], rel=1e-6)
    assert second == pytest.approx(after[1], rel=1e-6)
    area = solve_ivp(lambda t, y: [plasma(t)], (28, 49), [0], rtol=1e-10, max_step=0.5).y[0, -1]
    assert effect.area(np.array([21.0]))[0] == pytest.approx(area, rel=1e-7)
