"""The page, the CSV and the words of a readout, with what people type into a record."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from posology.conduct.trial import Trial
from posology.readout import page as page_file
from posology.readout.cited import Cited, CitedTable
from posology.readout.readout import Readout, make_readout
from posology.readout.write import table_csv, write_readout
from posology.record import facts as f
from posology.record.snapshot import take_snapshot
from tests.conftest import Clock, treat

LATER = date(2030, 3, 1)


def readout_of(trial: Trial) -> Readout:
    return make_readout(take_snapshot(trial.events(), LATER))


def event(trial: Trial, term: str, grade: int = 3, dlt: bool | None = None, outcome: str | None = None) -> None:
    trial.record(f.AdverseEvent(ae="1", term=term, grade=grade, related=True), patient="001", by="Dr A")
    if dlt is not None:
        trial.record(f.DltAdjudicated(ae="1", dlt=dlt, why="seen"), patient="001", by="Dr A")
    if outcome is not None:
        fact = f.AdverseEventResolved(ae="1", outcome=outcome)  # type: ignore[arg-type]
        trial.record(fact, patient="001", by="Dr A")


def test_a_term_does_not_swallow_the_script(trial: Trial, clock: Clock, tmp_path: Path) -> None:
    treat(trial, "001", 1)
    event(trial, "<!--<script>", grade=1)
    write_readout(readout_of(trial), tmp_path / "out")
    html = (tmp_path / "out/readout.html").read_text(encoding="utf-8")
    assert "<!--" not in html
    assert html.count("<script") == html.count("</script>") == 2
    data = re.search(r'id="events">(.*?)</script>', html, re.S)
    assert data is not None
    assert "<!--<script>" in json.dumps(json.loads(data[1]))


def test_a_formula_stays_text_and_a_number_a_number() -> None:
    values = ["=HYPERLINK(1)", "@x", "+1 to 2", "-12.5", "+3.0", "–", "plain"]
    table = CitedTable("t", "T", ("=Head", "b"), tuple((Cited(v), Cited(-1.5)) for v in values))
    head, *rows = csv.reader(table_csv(table).splitlines())
    assert head[:2] == ["'=Head", "b"]
    assert [row[0] for row in rows] == ["'=HYPERLINK(1)", "'@x", "'+1 to 2", "-12.5", "+3.0", "–", "plain"]
    assert {row[1] for row in rows} == {"-1.5"}


def test_a_long_table_says_what_the_page_leaves_out(imgn853: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_file, "MAX_ROWS", 5)
    readout = make_readout(take_snapshot(imgn853.events(), date(2013, 5, 10)))
    html = page_file.page(readout, [], {})
    assert "The first 5 of 18 rows; all of them are in tables/patients.csv." in html
    patients = html[html.index('<section id="patients">') :]
    assert patients[: patients.index("</section>")].count("<tr>") == 6


def test_a_day_within_words_is_not_broken_and_what_was_typed_stays_text(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-01-10")
    event(trial, "Seen on 2030-01-09 <b>again</b> by the nurse")
    html = page_file.page(readout_of(trial), [], {})
    assert "Seen on <span class=n>2030-01-09</span> &lt;b&gt;again&lt;/b&gt; by the nurse" in html
    assert "&lt;span" not in html


@pytest.mark.parametrize(
    ("outcome", "words", "resolved"),
    [
        (None, "no outcome recorded", False),
        ("recovered", "resolved 2030-01-01", True),
        ("recovered with sequelae", "resolved with sequelae 2030-01-01", True),
        ("not recovered", "not recovered 2030-01-01", False),
    ],
)
def test_a_dlt_has_the_outcome_that_was_recorded(
    trial: Trial, clock: Clock, tmp_path: Path, outcome: str | None, words: str, resolved: bool
) -> None:
    treat(trial, "001", 1)
    event(trial, "Nausea", dlt=True, outcome=outcome)
    readout = readout_of(trial)
    (row,) = next(t for t in readout.tables if t.name == "dlts").rows
    assert row[5].text == words
    ((patient, told),) = readout.narratives  # a patient with a DLT and no activity is told of too
    assert patient == "001"
    assert any("had a dose-limiting toxicity, Nausea" in s.cited.text for s in told)
    write_readout(readout, tmp_path / "out")
    assert json.loads((tmp_path / "out/readout.json").read_text())["dlts"][0]["resolved"] is resolved


def test_a_correction_is_told_in_words(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    event(trial, "Nausea", grade=1)
    noted = next(e for e in trial.events() if e.kind == "adverse_event")
    trial.void(noted.seq, by="Dr A", reason="another patient's")
    assert f"001: event {noted.seq} (adverse event) is void" in page_file.page(readout_of(trial), [], {})


def test_a_readout_takes_the_place_of_a_readout_only(trial: Trial, tmp_path: Path) -> None:
    readout = readout_of(trial)
    write_readout(readout, tmp_path / "out")
    write_readout(replace(readout, headline=[]), tmp_path / "out")
    assert json.loads((tmp_path / "out/readout.json").read_text())["headline"] == []
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
