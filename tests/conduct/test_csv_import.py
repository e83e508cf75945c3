"""Bulk entry: every wrong row named, all or nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.csv_import import LoadError, load
from posology.conduct.trial import Trial
from tests.conftest import EXAMPLE, Clock


def put(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_or_nothing(trial: Trial, tmp_path: Path) -> None:
    rows = put(
        tmp_path,
        "kind,patient,occurred,sex,tumour_type,ecog,value,upper_limit\n"
        "consented,001,2030-01-01,,,,,\n"
        "screened,001,2030-01-01,X,ovarian,seven,,\n"
        "screned,001,2030-01-01,F,ovarian,1,,\n"
        "consented,,2030-01-01,,,,,\n"
        "marker_measured,002,2030-01-01,,,,100,35\n"
        "marker_measured,001,01/02/2030,,,,100,35\n"
        "marker_measured,001,2030-01-01,,,,100,35\n"
        "marker_measured,001,2030-01-01,F,,,-5,35\n",
    )
    with pytest.raises(LoadError) as error:
        load(trial, rows, by="x")
    said = [f"{e.line}: {e.text}" for e in error.value.errors]
    assert "3: sex is 'X': it must be 'F' or 'M'" in said
    assert "3: ecog is 'seven': it must be a whole number" in said
    assert "4: 'screned' is no kind of event: did you mean screened?" in said
    assert "5: patient is missing" in said
    assert any(s.startswith("6: refused: marker measured of 002") and "no consent of 002" in s for s in said)
    assert "7: occurred is '01/02/2030': write the day as 2030-05-10" in [
        s.replace("2013-05-10", "2030-05-10") for s in said
    ]
    assert any(s.startswith("9: sex is no field of marker_measured") for s in said)
    assert "9: value is '-5': it must be at least 0" in said
    assert len(trial.events()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no header"),
        ("kind,patient,occurred,patient\nconsented,001,2030-01-01,002\n", "patient is the name of 2 columns"),
        ("kind,patient,occurred\nconsented,001,20300101\n", "write the day as 2013-05-10"),
        ("kind,patient,occurred,supersedes\nconsented,001,2030-01-01,²\n", "must be the number of an event"),
        ("kind,patient,occurred,why\nconsented,001,2030-01-01,\ndiscontinued,001,2030-01-01,\n", "why is missing"),
        ("kind,patient,ocurred\n", "no field is called 'ocurred'; is occurred meant?"),
        ("kind,patient,xyzzy\n", "no field is called 'xyzzy'"),
        ("kind,patient,occurred\nconsented,001,2030-01-01,extra\n", "more cells than the header"),
        ("kind,patient,occurred\ntrial_created,,2030-01-01\n", "posology trial create"),
        ("kind,patient,occurred,recorded\nconsented,001,2030-01-01,2031-01-01T00:00:00Z\n", "is after now"),
        (
            "kind,patient,occurred,recorded\nconsented,001,2020-01-01,2020-01-01T00:00:00Z\n",
            "before the record was begun, .*create the trial with --recorded",
        ),
        (
            "kind,patient,occurred,provenance\nconsented,001,2030-01-01,guessed\n",
            "must be stated, published or assumed",
        ),
        (
            "kind,patient,occurred,cycle,level,weight_kg,planned_mg,actual_mg\ndosed,001,2030-01-01,1,1,60,900,9\n",
            "planned_mg: written by the system, never typed",
        ),
        (
            "kind,patient,occurred,criterion,met,attested\ncriterion_attested,001,2030-01-01,I4,yes,ab\n",
            "attested: wri",
        ),
        ("kind,occurred,version\nprotocol_amended,2030-01-01,9.0\n", "give the protocol file that holds the amendment"),
    ],
)
def test_a_file_that_cannot_be_loaded(trial: Trial, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        load(trial, put(tmp_path, text), by="x")
    assert len(trial.events()) == 1


def test_one_kind_needs_no_column(trial: Trial, tmp_path: Path) -> None:
    events = load(trial, put(tmp_path, "patient,occurred\n001,2030-01-01\n002,2030-01-01\n"), by="x", kind="consented")
    assert [e.patient for e in events] == ["001", "002"]


def test_loading_twice_gives_the_same_record(
    imgn853: Trial, tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]
) -> None:
    """Replay equals live: the example's events through the rules again give the same hashes."""
    from datetime import UTC, date, datetime

    with Trial.create(
        tmp_path / "again.posology",
        imgn853_document,
        by="sponsor",
        on=date(2012, 6, 1),
        recorded=datetime(2012, 6, 1, 8, tzinfo=UTC),
    ) as again:
        load(again, EXAMPLE / "events.csv", by="loader", protocol=imgn853_document)
        assert [e.hash for e in again.events()] == [e.hash for e in imgn853.events()]
        assert again.state() == imgn853.state()


def test_a_record_kept_elsewhere_is_loaded_with_its_moments(
    tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]
) -> None:
    """The record says when it was begun; the moments of a file are marked as stated; none may be after now."""
    place, begun = tmp_path / "t.posology", datetime(2012, 6, 1, 8, tzinfo=UTC)
    with pytest.raises(ValueError, match="is after now"):
        Trial.create(place, imgn853_document, by="x", clock=clock, recorded=datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="after the moment it is recorded"):
        Trial.create(place, imgn853_document, by="x", clock=clock, recorded=begun, on=date(2012, 6, 2))
    with Trial.create(place, imgn853_document, by="x", clock=clock, recorded=begun) as trial:
        text = "kind,patient,occurred,recorded\nconsented,001,2012-06-04,2012-06-04T09:00:00Z\n"
        (event,) = load(trial, put(tmp_path, text), by="x")
        assert (event.recorded, event.is_backdated) == (datetime(2012, 6, 4, 9, tzinfo=UTC), True)
        assert trial.events()[0].is_backdated
