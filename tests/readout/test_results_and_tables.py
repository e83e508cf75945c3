"""What the readout tells of the endpoints, against numbers counted by hand from the events of the worked example."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from scipy.stats import binomtest

from posology.conduct.trial import Trial
from posology.readout.readout import Readout, make_readout
from posology.readout.summary import summarise
from posology.readout.write import write_readout
from posology.record import facts as f
from posology.record.snapshot import take_snapshot
from tests.conftest import Clock, give, treat

FIRST, SECOND = date(2013, 5, 10), date(2013, 6, 14)


@pytest.fixture(scope="module")
def readouts(imgn853_file: Path) -> dict[date, Readout]:
    with Trial.open(imgn853_file) as trial:
        return {cutoff: make_readout(take_snapshot(trial.events(), cutoff)) for cutoff in (FIRST, SECOND)}


def grid(made: Readout, name: str) -> list[dict[str, str]]:
    table = next(t for t in made.tables if t.name == name)
    return [dict(zip(table.columns, (cell.text for cell in row), strict=True)) for row in table.rows]


def rate(made: Readout, endpoint: str, patients: str = "all", denominator: str = "treated") -> tuple[int, int]:
    found = [
        r for r in made.results.rates if (r.group, r.endpoint, r.rate.denominator) == (patients, endpoint, denominator)
    ]
    return found[0].rate.count, found[0].rate.of


def test_response_rates(readouts: dict[date, Readout]) -> None:
    """At the first cutoff two responses await confirmation; of 18 treated, 14 had an assessment, 6 progressed at the
    first."""
    made = readouts[FIRST]
    assert rate(made, "objective response, confirmed") == (0, 18)
    assert rate(made, "objective response, awaiting confirmation") == (2, 18)
    assert rate(made, "objective response, with those awaiting") == (2, 18)
    assert rate(made, "disease control") == (8, 18)
    assert rate(made, "clinical benefit") == (0, 18)
    assessed = "treated, with measurable disease at baseline and an assessment after it"
    assert rate(made, "disease control", denominator=assessed) == (8, 14)
    assert rate(made, "disease control", "7.0 mg/kg") == (4, 5)
    assert rate(made, "disease control", "5.0 mg/kg") == (2, 6)
    assert grid(made, "response_rates")[0]["Disease control"] == "8/18 = 44.4 % (21.5–69.2)"
    assert sum(r.rate.of for r in made.results.rates if r.endpoint == "disease control" and r.group != "all") == 18


def test_response_rates_once_confirmed(readouts: dict[date, Readout]) -> None:
    """0401-013 was confirmed after 42 days, 0401-010 was not: SD since day 82.

    Nobody was without progression at 24 weeks but by response.
    """
    made = readouts[SECOND]
    assert rate(made, "objective response, confirmed") == (1, 18)
    assert rate(made, "objective response, awaiting confirmation") == (0, 18)
    assert rate(made, "disease control") == (11, 18)
    confirmed = next(r for r in made.results.rates if r.endpoint == "objective response, confirmed")
    assert confirmed.patients == ("0401-013",)
    assert rate(made, "clinical benefit") == (1, 18)


def test_intervals_are_exact(readouts: dict[date, Readout]) -> None:
    for made in readouts.values():
        for found in made.results.rates:
            known = binomtest(found.rate.count, found.rate.of).proportion_ci(0.95, "exact")
            assert (found.rate.lower, found.rate.upper) == pytest.approx((known.low, known.high), abs=1e-9)


def test_adverse_events_are_those_of_the_record(readouts: dict[date, Readout]) -> None:
    """Each cell counted again from the events: patients with one of the term, of grade 3 and worse."""
    for made in readouts.values():
        for table, least in (("adverse_events_by_class", 1), ("adverse_events_grade_3", 3)):
            for row in grid(made, table):
                for head, cell in row.items():
                    if head in ("System organ class", "Term", "Events"):
                        continue
                    grade = 3 if "≥ 3" in head else least
                    who = {
                        c.id
                        for c in made.results.courses
                        for t in c.patient.toxicities
                        if row["Term"] in ("all terms", t.fact.term)
                        and t.fact.grade >= grade
                        and row["System organ class"] in ("all classes", t.fact.system_organ_class)
                        and (head.startswith("All") or head.startswith(f"{c.dose} "))
                    }
                    assert cell == str(len(who)), (row, head)


def test_adverse_events_by_hand(readouts: dict[date, Readout]) -> None:
    """Four patients with eye disorders, one of grade 3: on study days 17, 19, 50 and 58; three resolved after 28, 22
    and 18 days."""
    made = readouts[FIRST]
    eye = next(r for r in grid(made, "adverse_events_by_class") if r["System organ class"] == "Eye disorders")
    assert (eye["Events"], eye["All (N = 18)"], eye["All, grade ≥ 3"]) == ("4", "4", "1")
    assert (eye["7.0 mg/kg (N = 5)"], eye["5.0 mg/kg (N = 6)"], eye["3.3 mg/kg (N = 3)"]) == ("3", "1", "0")
    bad = next(r for r in grid(made, "adverse_events_grade_3") if r["System organ class"] == "Eye disorders")
    assert (bad["All (N = 18)"], bad["7.0 mg/kg (N = 5)"], bad["5.0 mg/kg (N = 6)"]) == ("1", "1", "0")
    told = grid(made, "time_to_onset")[0]
    assert told["Study day of first onset, median (range)"] == f"{median([17, 19, 50, 58])} (17–58)"
    assert told["Days to resolution, median (range)"] == f"{median([18, 22, 28])} (18–28)"
    assert (told["Patients with an event"], told["Resolved"]) == ("4 of 18", "3 of 4")


def test_first_onset_by_cycle(readouts: dict[date, Readout]) -> None:
    """By hand: 15 began cycle 2, two of them with an event; seven cycle 3, one of them with one; two of the other six
    had one in it."""
    rows = grid(readouts[FIRST], "onset_profile")
    assert [(r["Cycle"], r["At risk"], r["First event"]) for r in rows] == [
        ("1", "18", "2"),
        ("2", "13", "0"),
        ("3", "6", "2"),
        ("4", "4", "0"),
        ("5", "2", "0"),
        ("6", "2", "0"),
    ]
    assert [r["First event / at risk (%)"] for r in rows][:3] == ["11.1", "0.0", "33.3"]
    assert rows[-1]["Cumulative, of all treated (%)"] == "22.2"


PFS = {  # days, both ends counted, and whether it ended with progression
    "001": (43, True),
    "002": (43, True),
    "003": (43, True),
    "004": (43, True),
    "005": (127, True),
    "006": (43, True),
    "007": (85, True),
    "008": (85, True),
    "009": (43, True),
    "010": (82, False),
    "011": (43, False),
    "012": (43, False),
    "013": (47, False),
    "014": (43, False),
    "015": (1, False),
    "016": (1, False),
    "017": (1, False),
    "018": (1, False),
}


def test_progression_free_survival(readouts: dict[date, Readout]) -> None:
    """S falls to 8/14 at day 43 (six of the 14 still followed), to 1/3 of that at day 85 (two of three): the median is
    85 days."""
    made = readouts[FIRST]
    rows = {r["Patient"][-3:]: r for r in grid(made, "progression_free_survival")}
    assert {p: (int(r["Days"]), r["Event or censored"] == "event") for p, r in rows.items()} == PFS
    assert rows["018"]["Reason"] == "no adequate assessment after baseline: censored at the start"
    assert rows["005"]["Reason"] == "progression"
    told = next(r for r in grid(made, "times_to_event") if r["Endpoint"] == "Progression-free survival")
    assert (told["Patients"], told["Events"], told["Censored"], told["Median (days)"]) == ("18", "9", "9", "85")
    assert (told["95 % interval (days)"], told["Median (months)"]) == ("43 to not estimable", "2.8")
    curve = next(e.curve for e in made.results.times if e.name == "progression_free_survival")
    assert curve is not None
    assert curve.survival.tolist() == pytest.approx([1, 8 / 14, 8 / 14, 8 / 14, 8 / 42, 0])
    assert curve.at_risk_at([0, 42, 84, 126]).tolist() == [18, 14, 3, 1]


def test_time_on_treatment_is_censored_at_the_cutoff(readouts: dict[date, Readout]) -> None:
    for cutoff, made in readouts.items():
        for row, c in zip(grid(made, "time_on_treatment"), made.results.courses, strict=True):
            left, first = c.patient.off_treatment, c.patient.first_dose
            assert first is not None
            end = left.occurred if left else cutoff
            assert (row["Until"], row["Days"]) == (str(end), str((end - first.occurred).days + 1))
            assert row["Event or censored"] == ("event" if left else "censored")


def test_duration_of_response(readouts: dict[date, Readout]) -> None:
    """Nobody at the first cutoff; at the second 0401-013, from 19 April to the last assessment of 31 May: 43 days."""
    none = next(r for r in grid(readouts[FIRST], "times_to_event") if r["Endpoint"].startswith("Duration"))
    assert (none["Patients"], none["Median (days)"]) == ("0", "–")
    (row,) = grid(readouts[SECOND], "duration_of_response")
    told = next(r for r in grid(readouts[SECOND], "times_to_event") if r["Endpoint"].startswith("Duration"))
    assert (told["Median (days)"], told["95 % interval (days)"]) == ("not reached", "not estimable")
    assert (row["Patient"], row["From"], row["Until"], row["Days"]) == ("0401-013", "2013-04-19", "2013-05-31", "43")
    assert row["Event or censored"] == "censored"


def test_no_date_after_the_cutoff(readouts: dict[date, Readout]) -> None:
    for cutoff, made in readouts.items():
        for endpoint in made.results.times:
            for _, time, sources in endpoint.times:
                assert time.date is None or time.date <= cutoff
                assert all(e.occurred <= cutoff for e in sources)


def test_why_a_response_is_not_evaluable(readouts: dict[date, Readout]) -> None:
    rows = [r for r in grid(readouts[FIRST], "not_evaluable") if r["Criteria"] == "RECIST 1.1"]
    assert [r["Patient"] for r in rows] == ["0401-015", "0401-016", "0401-017", "0401-018"]
    assert {r["Why"] for r in rows} == {"no assessment after the baseline"}
    assert [r["Patient"] for r in grid(readouts[SECOND], "not_evaluable") if r["Criteria"] == "RECIST 1.1"] == [
        "0401-018"
    ]


def test_the_example_has_no_findings(readouts: dict[date, Readout], tmp_path: Path) -> None:
    made = readouts[FIRST]
    assert summarise(made)["findings"] == []
    write_readout(made, tmp_path / "out")
    assert "None. Checked: lesions, CA-125 samples" in (tmp_path / "out/readout.html").read_text(encoding="utf-8")
    assert {p.name for p in (tmp_path / "out/figures").glob("km_*")} == {
        f"km_{name}.{kind}" for name in ("progression_free_survival", "time_on_treatment") for kind in ("svg", "png")
    }


def measure(trial: Trial, assessment: int, **diameters: float | None) -> None:
    for lesion, mm in diameters.items():
        status: dict[str, Any] = {"diameter_mm": mm} if mm is not None else {"status": "not evaluable"}
        fact = f.LesionMeasured(assessment=assessment, lesion=lesion, role="target", organ="liver", **status)
        trial.record(fact, patient="001", by="radiology")


def test_findings_and_the_investigators_reading(trial: Trial, clock: Clock, tmp_path: Path) -> None:
    """A lesion of 8 mm and three in one organ; two upper limits at one laboratory; SD by the lesions, PD by the
    investigator."""
    treat(trial, "001", 1)
    measure(trial, 0, T1=40.0, T2=8.0, T3=20.0)
    ca125 = lambda value, limit: f.MarkerMeasured(value=value, upper_limit=limit, laboratory="central")
    trial.record(ca125(400.0, 35.0), patient="001", by="laboratory")
    clock.to("2030-01-22")
    trial.record(ca125(390.0, 35.0), patient="001", by="laboratory")
    give(trial, "001", 2, 1)
    clock.to("2030-02-12")
    trial.record(ca125(380.0, 30.0), patient="001", by="laboratory")
    measure(trial, 1, T1=42.0, T2=9.0, T3=20.0)
    trial.record(f.TumourAssessed(assessment=1, overall="PD"), patient="001", by="Dr A")
    made = make_readout(take_snapshot(trial.events(), date(2030, 3, 1)))
    found = {(w.about, w.finding.field, w.finding.on): w for w in made.results.findings}
    small = found["lesion", "diameter_mm", date(2030, 1, 1)]
    assert small.finding.wrong == "target lesion T2 is 8 mm"
    assert {e.kind for e in small.sources} == {"lesion_measured"}
    assert ("lesion", "organ", date(2030, 1, 1)) in found
    assert "is 30, but 35" in found["CA-125", "upper_limit", date(2030, 2, 12)].finding.wrong
    (differs,) = grid(made, "reading_differences")
    assert (differs["From the lesions"], differs["The investigator"], differs["On progression"]) == ("SD", "PD", "yes")
    write_readout(made, tmp_path / "out")
    data = json.loads((tmp_path / "out/readout.json").read_text(encoding="utf-8"))
    assert len(data["findings"]) == len(made.results.findings)
    assert all(w["events"] and w["patient"] == "001" for w in data["findings"])
    page = (tmp_path / "out/readout.html").read_text(encoding="utf-8")
    assert "target lesion T2 is 8 mm" in page
    assert "Investigator and lesions" in page


def test_an_assessment_that_cannot_be_read_says_why(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    measure(trial, 0, T1=40.0)
    clock.to("2030-02-12")
    measure(trial, 1, T1=None)
    (row,) = grid(make_readout(take_snapshot(trial.events(), date(2030, 3, 1))), "not_evaluable")
    assert row["Why"] == "no assessment was evaluable; assessment 1 on 2030-02-12: a target lesion was not evaluated"
