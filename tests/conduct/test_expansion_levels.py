"""Doses in an expansion cohort: the level of the first dose holds until it is reduced."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from posology.conduct.trial import Refused, Trial
from posology.interchange.virtual import expansion
from posology.protocol.model import protocol_from
from posology.protocol.reading import document
from posology.record import facts as f
from posology.record.entry import fact_from
from tests.conftest import EXAMPLE


def test_a_level_holds_until_it_is_reduced(tmp_path: Path) -> None:
    plan = document(EXAMPLE / "protocol.yaml")
    made = expansion(protocol_from(plan), "ovarian-relapsed", 6, 1, np.random.default_rng(2), start=date(2014, 1, 6))
    trial = Trial.create(f"{tmp_path}/t.posology", plan, by="x", on=date(2014, 1, 1))
    skipped = ("kind", "patient", "occurred", "provenance", "override")
    dosed = False
    for row in made.rows:
        if row["kind"] == "dosed" and dosed:
            break
        values = {k: v for k, v in row.items() if k not in skipped}
        values = {k: {"yes": True, "no": False}.get(v, v) if isinstance(v, str) else v for k, v in values.items()}
        fact = fact_from(row["kind"], values)
        trial.record(fact, patient=row.get("patient"), by="x", occurred=row["occurred"], override=row.get("override"))
        dosed = dosed or row["kind"] == "dosed"
    weight = next(row["weight_kg"] for row in made.rows if row["kind"] == "dosed")
    on = next(row["occurred"] for row in made.rows if row["kind"] == "dosed") + timedelta(days=21)
    lower = f.Dosed(cycle=2, level=5, weight_kg=weight, actual_mg=round(3.3 * weight, 1))
    with pytest.raises(Refused, match="level 6"):
        trial.record(lower, patient="V-0001", by="x", occurred=on)
    trial.record(f.DoseReduced(to_level=5, why="toxicity"), patient="V-0001", by="x", occurred=on)
    trial.record(lower, patient="V-0001", by="x", occurred=on)
    trial.close()
