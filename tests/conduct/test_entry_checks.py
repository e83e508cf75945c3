"""Who and when: what cannot be seen, or is taken for something else, is refused; dates as collected are dates."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from posology.conduct.csv_import import load
from posology.conduct.trial import Refused, Trial
from posology.record import facts as f
from posology.record.entry import EntryError
from tests.conftest import screen


@pytest.mark.parametrize(
    "patient",
    [
        "",
        " ",
        "001 ",
        " 001",
        "0\u200b01",
        "\uff10\uff101",
        "00\u0661",
        "P\u0410-1",
        "001\n",
        "0\x1b[2J1",
        "0  1",
        "x" * 65,
    ],
)
def test_a_patient_that_cannot_be_read(trial: Trial, patient: str) -> None:
    with pytest.raises(EntryError, match="patient "):
        trial.record(f.Consented(), patient=patient, by="Dr A")
    assert len(trial.events()) == 1


@pytest.mark.parametrize(
    "author", ["", " ", "-", "Dr\x00A", "Dr A ", "Dr\u202eA", "Dr M\u0435yer", "Dr \ufb01nn", "\u200b"]
)
def test_an_author_who_cannot_be_read(trial: Trial, author: str) -> None:
    with pytest.raises(EntryError, match="author "):
        trial.record(f.Consented(), patient="001", by=author)
    with pytest.raises(EntryError, match="author "):
        Trial.create(Path(trial.store.name).with_name("new.posology"), trial.state().trial.documents[0][1], by=author)


@pytest.mark.parametrize("author", ["Dr Müller", "Иванов И. И.", "李雷", "o'Brien-Smith, MD", "site 3"])
def test_people_have_all_kinds_of_names(trial: Trial, author: str) -> None:
    assert trial.record(f.Consented(), patient="001", by=author).author == author


@pytest.mark.parametrize("reason", [" ", "...", "typo\x1b[1A", "a\nb", "\u2066x"])
def test_a_reason_that_cannot_be_read(trial: Trial, reason: str) -> None:
    trial.record(f.Consented(), patient="001", by="Dr A")
    with pytest.raises(EntryError, match="reason is"):
        trial.void(2, by="Dr A", reason=reason)
    with pytest.raises(EntryError, match="override is"):
        trial.record(f.Screened(sex="F", tumour_type="ovarian"), patient="002", by="Dr A", override=reason)


@pytest.mark.parametrize(("known", "new"), [("001", "OO1"), ("P-01", "P 01"), ("p01", "P01"), ("S1", "Sl")])
def test_a_patient_taken_for_another(trial: Trial, known: str, new: str) -> None:
    trial.record(f.Consented(), patient=known, by="Dr A")
    with pytest.raises(Refused, match=f"patient-told-apart: {new} is not in the record, {known} is"):
        trial.record(f.Consented(), patient=new, by="Dr A")
    event = trial.record(f.Consented(), patient=new, by="Dr A", override="patient-told-apart: the site numbers them so")
    assert event.override is not None
    assert event.override.rules == ("patient-told-apart",)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("the sponsor agreed", "name the rules it sets aside, and why"),
        ("slot-is-free", "name the rules it sets aside, and why"),
        ("slot-is-free: .", "say why after the names of the rules"),
        ("slot-is-fre: agreed", "did you mean slot-is-free"),
        ("slot-is-free, no-such-rule-at-all: agreed", "no rule by 'no-such-rule-at-all'"),
    ],
)
def test_an_override_names_rules_and_a_reason(trial: Trial, override: str, said: str) -> None:
    with pytest.raises(EntryError, match=said):
        trial.record(f.Screened(sex="F", tumour_type="ovarian"), patient="002", by="Dr A", override=override)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True, dated="2029-12"), "give the same day"),
        (f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True, dated="2030-01-02T09:00"), "give the same day"),
        (f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True, ended="2029"), "before the day it began"),
        (f.Died(cause="disease", dated="2029-12-31"), "give the same day"),
    ],
)
def test_a_date_as_collected_is_of_the_day(trial: Trial, fact: f.Fact, said: str) -> None:
    screen(trial, "001")
    with pytest.raises(EntryError, match=said):
        trial.record(fact, patient="001", by="Dr A")
    whole = f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True, dated="2030-01", ended="2030")
    trial.record(whole, patient="001", by="Dr A")


def test_what_a_fact_says_can_be_seen(trial: Trial) -> None:
    trial.record(f.Consented(), patient="001", by="Dr A")
    with pytest.raises(EntryError, match=r"tumour_type is .*U\+202E RIGHT-TO-LEFT OVERRIDE"):
        trial.record(f.Screened(sex="F", tumour_type="ova\u202erian"), patient="001", by="Dr A")
    with pytest.raises(EntryError, match="dated: 'soon' is no date"):
        trial.record(f.MarkerMeasured(value=3.0, upper_limit=35.0, dated="soon"), patient="001", by="Dr A")
    trial.record(f.PriorTherapy(regimens=2, description="first line\nsecond line"), patient="001", by="Dr A")


def test_what_a_file_back_dates_is_marked(trial: Trial, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "kind,patient,occurred,recorded\nconsented,001,2030-01-01,2030-01-01T12:00:00Z\nconsented,002,2030-01-01,\n"
    )
    load(trial, rows, by="loader")
    stated, entered = trial.events()[1:]
    assert (stated.is_backdated, stated.is_marked, stated.recorded) == (
        True,
        False,
        datetime(2030, 1, 1, 12, tzinfo=UTC),
    )
    assert not entered.is_backdated
