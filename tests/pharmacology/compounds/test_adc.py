"""A compound's parts: units and domains are checked, evidence is carried, parts are swapped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posology.pharmacology.compounds.library import (
    BRENTUXIMAB_VEDOTIN,
    COMPOUNDS,
    IMGN853,
    T_DM1,
    TUSAMITAMAB_RAVTANSINE,
)
from posology.pharmacology.compounds.quantity import MARKS, Quantity


@pytest.mark.parametrize("compound", COMPOUNDS.values(), ids=list(COMPOUNDS))
def test_every_number_says_how_well_it_is_known(compound) -> None:
    held = compound.quantities()
    assert {"antibody.vc", "linker.kdec1", "linker.kdec8", "linker.fractions0", "payload.cl"} <= set(held)
    for quantity in held.values():
        assert (
            quantity.evidence in MARKS and quantity.source and str(quantity).endswith(f"[{MARKS[quantity.evidence]}]")
        )


def test_numbers_from_memory_of_the_label_carry_the_words() -> None:
    told = [q.source for q in IMGN853.quantities().values() if "label, section" in q.source]
    assert told and all("quoted from memory of the label, to be checked" in source for source in told)


def test_mean_dar() -> None:
    assert TUSAMITAMAB_RAVTANSINE.linker.mean_dar == pytest.approx(3.30, abs=0.005)
    assert BRENTUXIMAB_VEDOTIN.linker.mean_dar == 4
    assert T_DM1.linker.mean_dar == pytest.approx(3.5)


def test_kd() -> None:
    assert T_DM1.antibody.kd == pytest.approx(0.314, rel=1e-3)


def test_swapping_a_part_changes_that_part_alone() -> None:
    swapped = IMGN853.swap(linker=T_DM1.linker)
    changed = {name for name, _, _ in IMGN853.changed(swapped)}
    assert {"linker.cleavage", "linker.pgp", "linker.kdec_scale"} <= changed
    assert all(name.startswith("linker.") for name in changed)
    assert swapped.name == "M9346A-MCC-DM4"


@pytest.mark.parametrize(
    ("field", "quantity", "told"),
    [
        ("vc", Quantity(3000, "mL", "assumed", "x"), "vc is in mL: it must be in L"),
        ("vc", Quantity(0, "L", "assumed", "x"), "vc is 0 L: it must be above 0"),
        ("cl", Quantity(-0.1, "L/d", "assumed", "x"), "cl is -0.1 L/d: it must be above 0"),
        ("void", Quantity(1.2, "1", "assumed", "x"), "at most 1"),
    ],
)
def test_units_and_domains(field: str, quantity: Quantity, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(IMGN853.antibody, **{field: quantity})


def test_a_bare_number_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a Quantity"):
        replace(IMGN853.antibody, vc=3.0)


def test_a_linker_is_cleavable_or_not() -> None:
    with pytest.raises(ValueError, match="0 for one that is not cleavable"):
        replace(IMGN853.linker, cleavable=False)
    with pytest.raises(ValueError, match="sum to 1"):
        replace(IMGN853.linker, fractions=(Quantity(0.5, "1", "assumed", "x"),) * 9)
    with pytest.raises(ValueError, match="must have 8"):
        replace(IMGN853.linker, kdec=IMGN853.linker.kdec[:7])


def test_a_quantity_is_finite() -> None:
    with pytest.raises(ValueError, match="finite"):
        Quantity(float("nan"), "L", "assumed", "x")
    with pytest.raises(ValueError, match="evidence"):
        Quantity(1, "L", "guessed", "x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cv"):
        Quantity(1, "L", "assumed", "x", cv=-1)


def test_altered_values_keep_unit_and_domain() -> None:
    assert IMGN853.altered("linker.kdec3", 0.5, "/d").linker.kdec[2].value == 0.5
    assert IMGN853.altered("payload.ec50", 10, "nM").payload.ec50.evidence == "assumed"
    with pytest.raises(ValueError, match=r"did you mean antibody.cl_nab\?"):
        IMGN853.altered("antibody.cl_na", 1, "L/d")
    with pytest.raises(ValueError, match="is in L/d: it cannot be given in mL/h"):
        IMGN853.altered("antibody.cl", 18.9, "mL/h")
    with pytest.raises(ValueError, match="must be above 0"):
        IMGN853.altered("antibody.cl", -1, "L/d")
    with pytest.raises(ValueError, match=r"antibody.cl is nan: it must be a finite number \[L/d\]"):
        IMGN853.altered("antibody.cl", float("nan"), "L/d")


def test_a_part_is_of_its_kind() -> None:
    with pytest.raises(TypeError, match="linker is Payload 'DM4'.*: it must be Linker"):
        IMGN853.swap(linker=IMGN853.payload)  # type: ignore[arg-type]
