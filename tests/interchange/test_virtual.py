"""Virtual patients as a record: the rules of conduct accept them, and endpoints find in their events what the model says."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.conduct.trial import Trial
from posology.interchange.virtual import expansion
from posology.protocol.model import protocol_from
from posology.protocol.reading import document
from posology.readout.readout import read
from tests.cli.test_commands import go  # noqa: F401
from tests.conftest import EXAMPLE

PROTOCOL = protocol_from(document(EXAMPLE / "protocol.yaml"))


def test_endpoints_find_what_the_model_says(go: Any, tmp_path: Path) -> None:  # noqa: F811
    arguments = (
        str(EXAMPLE / "protocol.yaml"),
        "v.posology",
        "--cohort",
        "ovarian-relapsed",
        "--level",
        "6",
        "--patients",
        "60",
        "--seed",
        "3",
    )
    code, out, err = go("virtual", *arguments, "--json")
    assert code == 0, err
    assert json.loads(out)["patients"] == 60
    start = PROTOCOL.trial.date
    made = expansion(PROTOCOL, "ovarian-relapsed", 6, 60, np.random.default_rng(3), start=start)
    with Trial.open(tmp_path / "v.posology") as trial:
        courses = {c.id: c for c in read(trial.events(), start + timedelta(days=2000)).courses}
    judged, dead = made.treated.judged, made.treated.dead
    responders = 0
    for i in range(60):
        course = courses[f"V-{i + 1:04}"]
        first = start + timedelta(days=14 + 4 * i)
        day = lambda d, first=first: first + timedelta(days=int(d)) if np.isfinite(d) else None
        assert course.response.progression == day(judged.progression[i] if judged.progression[i] <= dead[i] else np.inf)
        if course.response.best in ("PR", "CR") and course.response.confirmation == "confirmed":
            responders += 1
            # a lesion that shrinks below the twentieth of a millimetre is gone: then CR comes after the model's PR
            assert course.response.on >= day(judged.response[i])
            assert course.response.best == "CR" or course.response.on == day(judged.response[i])
        else:
            assert not np.isfinite(judged.response[i])
    assert responders > 10
    assert go("status", "v.posology")[0] == 0
    # a cohort that asks for three prior regimens or fewer gets such patients
    strict = (arguments[0], "strict.posology", "--cohort", "ovarian-resistant", "--level", "6", "--patients", "40")
    code, _, err = go("virtual", *strict)
    assert code == 0, err
    assert "exists" in go("virtual", *arguments)[2]


def test_doses_are_reduced_and_delayed_by_the_rules() -> None:
    made = expansion(PROTOCOL, "ovarian-resistant", 6, 150, np.random.default_rng(5), start=date(2014, 1, 6))
    kinds = [row["kind"] for row in made.rows]
    assert kinds.count("dose_reduced") > 0
    assert kinds.count("dose_delayed") > 0
    assert kinds.count("enrolled") == 150
    again = expansion(PROTOCOL, "ovarian-resistant", 6, 150, np.random.default_rng(5), start=date(2014, 1, 6))
    assert again.rows == made.rows


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("none", 6, 10), "is no expansion cohort"), (("ovarian-relapsed", 9, 10), "levels 1 to 7"), (("ovarian-relapsed", 6, 0), "one or more")],
)  # fmt: skip
def test_nonsense_is_refused(arguments: tuple[str, int, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        expansion(PROTOCOL, *arguments, np.random.default_rng(1), start=date(2014, 1, 6))
