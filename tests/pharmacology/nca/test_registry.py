"""The registry of parameters: complete, and true of what an analysis gives."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from posology.pharmacology.nca.parameters import nca
from posology.pharmacology.nca.registry import PARAMETERS, NcaParameter

TIME = np.array([0.0, 0.5, 1, 2, 4, 8, 12])
SCALES = {"c": 3.0, "t": 24.0, "dose": 5.0}


def test_every_entry_is_complete() -> None:
    assert len({p.name for p in PARAMETERS}) == len(PARAMETERS)
    for p in PARAMETERS:
        assert p.symbol and p.unit, p.name
        for code in (p.code, p.code_extravascular):
            assert re.fullmatch("[A-Z0-9]{0,8}", code), p.name
    codes = [p.code for p in PARAMETERS if p.code]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda p: p.name)
def test_a_parameter_has_the_unit_that_its_entry_says(parameter: NcaParameter) -> None:
    """Concentrations, times and doses in other units change it as its unit does."""
    value = np.where(TIME == 0, 2.0, 10 * np.exp(-0.3 * TIME))
    value[0] = 20.0
    options = {"route": "bolus", "dosing": "steady state" if parameter.name.endswith("_ss") else "first"}
    if parameter.name.startswith("back"):
        value[0] = np.nan
    found = nca(TIME, value, 100.0, tau=8.0, **options)  # type: ignore[arg-type]
    scaled = nca(SCALES["t"] * TIME, SCALES["c"] * value, SCALES["dose"] * 100.0, tau=8.0 * SCALES["t"], **options)  # type: ignore[arg-type]
    if parameter.name == "intercept":
        assert scaled.intercept[0] - found.intercept[0] == pytest.approx(np.log(SCALES["c"]))
        return
    ratio = {"1": 1.0, "%": 1.0}.get(parameter.unit) or eval(
        parameter.unit.replace("t2", "t**2"), {}, SCALES | {"t2": 24**2}
    )
    assert np.isfinite(found.values[parameter.name][0])
    assert scaled.values[parameter.name][0] == pytest.approx(ratio * found.values[parameter.name][0], rel=1e-9)


def test_what_may_be_missing_is_said() -> None:
    """With nothing to go by, every parameter is missing, and its entry says why it may be."""
    nothing = nca(TIME, np.full(TIME.shape, np.nan), dosing="later")
    for p in PARAMETERS:
        assert np.isnan(nothing.values[p.name][0]) == bool(p.missing), p.name


def test_the_reference_page_lists_every_parameter() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "nca_parameters.md").read_text(encoding="utf-8")
    for p in PARAMETERS:
        assert f"| `{p.name}` | {p.symbol} | {p.unit} | {p.code or 'none'} |" in page, p.name
