"""Time to event: censoring against the regulators' tables restated as cases, against admiral, and by properties."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.endpoints.recist import Response
from posology.endpoints.survival import (
    ADMIRAL,
    EMA,
    FDA,
    Censoring,
    Histories,
    Time,
    Times,
    Why,
    duration_of_response,
    duration_of_stable_disease,
    overall_survival,
    progression_free,
    time_on_treatment,
    time_to_response,
)
from posology.endpoints.survival_findings import survival_data_checks

DATA = Path(__file__).parents[1] / "data/endpoints"
SPEC = json.loads((DATA / "tte_censoring_spec_cases.json").read_text())
CODES = {
    "CR": Response.CR,
    "PR": Response.PR,
    "SD": Response.SD,
    "PD": Response.PD,
    "NE": Response.NE,
    "NON-CR/NON-PD": Response.NON_CR_NON_PD,
}
START = "2013-01-01"


def dates(*text: Any) -> Any:
    return np.array([t or "NaT" for t in text], dtype="datetime64[D]")


def patient(
    *visits: tuple[str, str], start: str | None = START, baseline: bool | None = None, **fields: str | None
) -> Histories:
    seen: dict[str, Any] = {name: dates(value) for name, value in fields.items()}
    if visits:
        seen["assessed"] = dates(*(on for on, _ in visits))[None]
        seen["response"] = np.array([[CODES[r] for _, r in visits]])
    return Histories(dates(start), baseline=None if baseline is None else np.array([baseline]), **seen)


def pfs(*visits: tuple[str, str], rules: Censoring = FDA, cutoff: date | None = None, **fields: Any) -> Time:
    return progression_free(patient(*visits, **fields), rules=rules, cutoff=cutoff)[0]


def says(time: Time) -> tuple[str, bool, str]:
    return str(time.date), time.event, time.reason


WHY = {
    "PD": Why.PD,
    "DEATH": Why.DEATH,
    "no event: last adequate assessment": Why.NO_EVENT,
    "no post-baseline assessment: censor at start": Why.NO_ASSESSMENT,
    "new therapy before event: censor at last adequate assessment": Why.NEW_THERAPY,
    "event after two or more missed assessments": Why.MISSED,
}


@pytest.mark.parametrize("case", SPEC["cases"], ids=lambda c: f"{c['id']} {c['expected']['why']}")
def test_case(case: dict[str, Any]) -> None:
    given_, expected = case["inputs"], case["expected"]
    cutoff = date.fromisoformat(given_["cutoff"]) if "cutoff" in given_ else None
    found = pfs(
        *map(tuple, given_["assess"]),
        rules=EMA if given_.get("rule") == "EMA" else FDA,
        cutoff=cutoff,
        start=given_["start"],
        death=given_.get("death"),
        new_therapy=given_.get("nact"),
    )
    assert (str(found.date), int(not found.event), found.days) == (expected["date"], expected["cnsr"], expected["days"])
    assert found.reason == WHY[expected["why"]].text


# Progression-free survival --------------------------------------------------------------------------------------------

SD = ("2013-02-12", "SD")


@pytest.mark.parametrize(("on", "event"), [("2013-05-21", True), ("2013-05-22", False)])
@pytest.mark.parametrize("kind", ["PD", "death"])
def test_two_missed_assessments_censor_an_event(kind: str, on: str, event: bool) -> None:
    """98 days after the last adequate assessment are two intervals and the window; 99 are more."""
    found = pfs(SD, (on, "PD")) if kind == "PD" else pfs(SD, death=on)
    assert says(found) == (
        (on, True, "progression" if kind == "PD" else "death") if event else ("2013-02-12", False, Why.MISSED.text)
    )


def test_an_assessment_not_evaluable_is_a_missed_one() -> None:
    assert says(pfs(SD, ("2013-04-01", "NE"), ("2013-05-22", "PD")))[2] == Why.MISSED.text
    assert pfs(SD, ("2013-04-01", "SD"), ("2013-05-22", "PD")).event


@pytest.mark.parametrize(("on", "event"), [("2013-04-09", True), ("2013-04-10", False)])
def test_death_without_an_assessment_counts_within_two_intervals(on: str, event: bool) -> None:
    assert says(pfs(death=on)) == ((on, True, "death") if event else (START, False, Why.NO_ASSESSMENT.text))


@pytest.mark.parametrize(("on", "event"), [("2013-04-09", True), ("2013-04-10", False)])
def test_without_a_baseline_only_an_early_death_counts(on: str, event: bool) -> None:
    found = pfs(SD, ("2013-03-20", "PD"), death=on, baseline=False)
    assert says(found) == ((on, True, "death") if event else (START, False, Why.NO_BASELINE.text))
    assert says(pfs(SD, ("2013-03-20", "PD"), baseline=False, rules=EMA)) == ("2013-03-20", True, "progression")


def test_without_a_baseline_and_an_event_censored_at_the_start() -> None:
    assert says(pfs(SD, baseline=False)) == (START, False, Why.NO_BASELINE.text)


@pytest.mark.parametrize(("therapy", "event"), [("2013-03-31", False), ("2013-04-01", True), ("2013-04-02", True)])
def test_an_event_on_the_day_of_a_new_therapy_counts(therapy: str, event: bool) -> None:
    assert pfs(SD, ("2013-04-01", "PD"), new_therapy=therapy).event == event


def test_a_new_therapy_without_an_event_censors_at_the_assessment_before() -> None:
    found = pfs(SD, ("2013-03-26", "SD"), ("2013-05-07", "SD"), new_therapy="2013-04-01")
    assert says(found) == ("2013-03-26", False, Why.NEW_THERAPY.text)
    assert says(pfs(SD, new_therapy="2013-02-01")) == (START, False, Why.NEW_THERAPY.text)


def test_the_first_event_counts() -> None:
    assert says(pfs(SD, ("2013-03-26", "PD"), death="2013-03-20"))[2] == "death"
    assert says(pfs(SD, ("2013-03-20", "PD"), death="2013-03-20"))[2] == "progression"
    assert says(pfs(SD, ("2013-03-20", "PD"), ("2013-05-02", "SD")))[0] == "2013-03-20"


def test_progression_by_ca125_counts_where_it_is_the_earlier() -> None:
    assert says(pfs(SD, ("2013-04-01", "PD"), progression="2013-03-12")) == ("2013-03-12", True, "progression")
    assert pfs(SD, ("2013-03-01", "PD"), progression="2013-03-12").days == 60


def test_the_interval_is_the_protocols() -> None:
    rules = replace(FDA, interval_days=56)
    assert pfs(SD, ("2013-06-18", "PD"), rules=rules).event  # 126 days
    assert not pfs(SD, ("2013-06-19", "PD"), rules=rules).event


def test_days_count_both_ends_and_a_month_has_30_4375() -> None:
    found = pfs((START, "PD"))
    assert (found.days, found.months) == (1, 1 / 30.4375)


def test_admiral_ends_follow_up_at_any_assessment() -> None:
    visits = (SD, ("2013-03-26", "NE"))
    assert str(pfs(*visits, rules=ADMIRAL).date) == "2013-03-26"
    assert str(pfs(*visits).date) == "2013-02-12"


def test_death_before_the_start_is_not_evaluable_and_in_admiral_day_one() -> None:
    assert pfs(death="2012-12-20") == Time(date(2013, 1, 1), None, False, Why.IMPOSSIBLE.text, None, None)
    assert pfs(death="2012-12-20", rules=ADMIRAL).days == 1
    assert overall_survival(patient(death="2012-12-20"))[0].reason == Why.IMPOSSIBLE.text
    assert overall_survival(patient(death="2012-12-20"), rules=ADMIRAL)[0].days == 1


def test_without_a_start_there_is_no_time() -> None:
    for derive in (progression_free, overall_survival, time_on_treatment):
        assert derive(patient(SD, start=None, death="2013-05-01"))[0].reason == Why.NO_START.text


def test_a_start_after_the_cutoff_has_no_time() -> None:
    assert pfs(SD, cutoff=date(2012, 12, 31)).reason == Why.NOT_STARTED.text


# The others -----------------------------------------------------------------------------------------------------------


def test_overall_survival() -> None:
    of = lambda **fields: overall_survival(patient(**fields), cutoff=date(2013, 5, 10))[0]
    assert says(of(death="2013-05-10")) == ("2013-05-10", True, "death")
    assert says(of(last_alive="2013-05-01")) == ("2013-05-01", False, Why.ALIVE.text)
    assert says(of(last_alive="2013-08-01")) == ("2013-05-10", False, Why.ALIVE.text)
    assert says(of(last_alive="2013-05-01", death="2013-05-11")) == ("2013-05-01", False, Why.ALIVE.text)
    assert says(of()) == (START, False, Why.ALIVE.text)


def test_an_assessment_shows_a_patient_alive() -> None:
    assert str(overall_survival(patient(SD))[0].date) == "2013-02-12"


def test_duration_of_response_is_of_responders_alone() -> None:
    seen = patient(("2013-02-12", "PR"), ("2013-03-26", "PR"), ("2013-05-07", "PD"))
    assert duration_of_response(seen, dates("2013-02-12"))[0].days == 85
    assert duration_of_response(seen, dates(None))[0].reason == Why.NOT_APPLICABLE.text
    cut = duration_of_response(seen, dates("2013-02-12"), cutoff=date(2013, 5, 6))[0]
    assert says(cut) == ("2013-03-26", False, Why.NO_EVENT.text)
    assert duration_of_response(seen, dates("2013-02-12"), cutoff=date(2013, 2, 11))[0].days is None


def test_time_to_response() -> None:
    seen = patient(("2013-02-12", "SD"), ("2013-03-26", "PR"))
    assert says(time_to_response(seen, dates("2013-03-26"))[0]) == ("2013-03-26", True, "response")
    assert says(time_to_response(seen, dates("2013-03-26"), cutoff=date(2013, 3, 25))[0]) == (
        "2013-02-12",
        False,
        Why.NO_RESPONSE.text,
    )
    assert time_to_response(patient(), dates(None))[0].reason == Why.NO_ASSESSMENT.text


def test_duration_of_stable_disease_runs_from_the_start() -> None:
    seen = patient(SD, ("2013-03-26", "PD"))
    assert duration_of_stable_disease(seen, np.array([True]))[0].days == 85
    assert duration_of_stable_disease(seen, np.array([False]))[0].reason == Why.NOT_APPLICABLE.text


def test_time_on_treatment() -> None:
    of = lambda **fields: time_on_treatment(patient(**fields), cutoff=date(2013, 5, 10))[0]
    assert says(of(treatment_end="2013-03-01")) == ("2013-03-01", True, "treatment ended")
    assert says(of(death="2013-03-01")) == ("2013-03-01", True, "death")
    assert says(of(treatment_end="2013-05-11")) == ("2013-05-10", False, Why.ON_TREATMENT.text)
    assert says(time_on_treatment(patient(last_alive="2013-04-01"))[0])[0] == "2013-04-01"


# Against admiral ------------------------------------------------------------------------------------------------------


def published() -> dict[tuple[str, str], dict[str, str]]:
    rows = list(csv.DictReader((DATA / "adtte_adtte.csv").read_text().splitlines()))
    return {(r["USUBJID"], r["PARAMCD"]): r for r in rows}


def subjects() -> list[dict[str, str]]:
    return list(csv.DictReader(gzip.decompress((DATA / "adtte_subjects.csv.gz").read_bytes()).decode().splitlines()))


def test_as_admiral() -> None:
    """All 512 times of admiralonco's example: date, start, event, days; and the reason where there is an event."""
    rows, expected = subjects(), published()
    names = list(dict.fromkeys(r["USUBJID"] for r in rows))
    mine = {n: [r for r in rows if r["USUBJID"] == n] for n in names}
    width = max(len(m) for m in mine.values())
    at, response = (
        np.full((len(names), width), np.datetime64("NaT", "D"), dtype="datetime64[D]"),
        np.zeros((len(names), width), int),
    )
    for i, n in enumerate(names):
        for k, r in enumerate(mine[n]):
            if r["ADT"]:
                at[i, k], response[i, k] = np.datetime64(r["ADT"]), CODES[r["AVALC"]]
    column = lambda name: dates(*(mine[n][0][name] for n in names))
    of = Histories(column("RANDDT"), at, response, death=column("DTHDT"), last_alive=column("LSTALVDT"))
    pd = np.where(response == Response.PD, at, np.datetime64("9999-12-31")).min(axis=1)
    hit = np.isin(response, [Response.CR, Response.PR]) & (at <= pd[:, None])
    first = np.where(hit, at, np.datetime64("9999-12-31")).min(axis=1)
    first = np.where(first < np.datetime64("9999-12-31"), first, np.datetime64("NaT", "D")).astype("datetime64[D]")
    derived: dict[str, Times] = {
        "OS": overall_survival(of, rules=ADMIRAL),
        "PFS": progression_free(of, rules=ADMIRAL),
        "RSD": duration_of_response(of, first, rules=ADMIRAL),
    }
    events = {"Disease Progression": "progression", "Death": "death"}
    found = {(n, p): times[i] for p, times in derived.items() for i, n in enumerate(names) if times.known[i]}
    assert set(found) == set(expected)
    assert len(found) == 512
    for key, time in found.items():
        row = expected[key]
        assert (str(time.start), str(time.date), time.days) == (row["STARTDT"], row["ADT"], int(row["AVAL"])), key
        assert (not time.event) == (row["CNSR"] == "1"), key
        assert not time.event or time.reason == events[row["EVNTDESC"]], key


# Properties -----------------------------------------------------------------------------------------------------------

DAY = st.integers(-20, 400)
MAYBE = st.none() | DAY
ONE = st.fixed_dictionaries(
    {
        "visits": st.lists(st.tuples(DAY, st.sampled_from(list(CODES))), max_size=6),
        "death": MAYBE,
        "new_therapy": MAYBE,
        "progression": MAYBE,
        "treatment_end": MAYBE,
        "last_alive": MAYBE,
        "response": MAYBE,
        "baseline": st.booleans(),
    }
)
FIELDS = ("death", "new_therapy", "progression", "treatment_end", "last_alive")
RULES = st.sampled_from([FDA, EMA, ADMIRAL])


def build(rows: list[dict[str, Any]]) -> tuple[Histories, Any]:
    day = lambda x: None if x is None else str(date(2013, 1, 1) + timedelta(days=x))
    width = max([1, *(len(r["visits"]) for r in rows)])
    at = np.full((len(rows), width), np.datetime64("NaT", "D"), dtype="datetime64[D]")
    response = np.zeros((len(rows), width), dtype=int)
    for i, r in enumerate(rows):
        for k, (x, kind) in enumerate(r["visits"]):
            at[i, k], response[i, k] = np.datetime64(day(x)), CODES[kind]
    fields = {f: dates(*(day(r[f]) for r in rows)) for f in FIELDS}
    baseline = np.array([r["baseline"] for r in rows])
    of = Histories(dates(*[START] * len(rows)), at, response, baseline=baseline, **fields)
    return of, dates(*(day(r["response"]) for r in rows))


def everything(rows: list[dict[str, Any]], rules: Censoring, cutoff: date | None = None) -> list[list[Time]]:
    of, response = build(rows)
    stable = np.ones(len(rows), dtype=bool)
    found = [
        progression_free(of, rules=rules, cutoff=cutoff),
        overall_survival(of, rules=rules, cutoff=cutoff),
        duration_of_response(of, response, rules=rules, cutoff=cutoff),
        time_on_treatment(of, cutoff=cutoff),
        time_to_response(of, response, rules=rules, cutoff=cutoff),
        duration_of_stable_disease(of, stable, rules=rules, cutoff=cutoff),
    ]
    return [[times[i] for i in range(len(rows))] for times in found]


@given(st.lists(ONE, min_size=1, max_size=4), RULES, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_assessments_and_patients_never_matters(rows: Any, rules: Censoring, chance: Any) -> None:
    turned = [r | {"visits": chance.sample(r["visits"], len(r["visits"]))} for r in rows][::-1]
    assert everything(rows, rules) == [found[::-1] for found in everything(turned, rules)]


@given(st.lists(ONE, min_size=1, max_size=4), RULES, st.integers(0, 300), ONE)
@settings(max_examples=200, deadline=None)
def test_nothing_after_the_cutoff_changes_anything(rows: Any, rules: Censoring, cut: int, other: Any) -> None:
    """What is dated later is dropped, or is any later thing; only being alive later still says alive at the cutoff."""
    late = lambda x: x is not None and x > cut
    dropped, changed = [], []
    for r in rows:
        gone = {f: None if late(r[f]) else r[f] for f in (*FIELDS, "response")}
        gone["last_alive"] = r["last_alive"]
        visits = [v for v in r["visits"] if not late(v[0])]
        dropped.append(r | gone | {"visits": visits})
        more = {f: cut + 1 + abs(other[f] or 0) if gone[f] is None else gone[f] for f in (*FIELDS[:-1], "response")}
        more["last_alive"] = cut + 1 + abs(other["last_alive"] or 0) if late(r["last_alive"]) else r["last_alive"]
        changed.append(r | more | {"visits": [*visits, *((cut + 1 + abs(x), k) for x, k in other["visits"])]})
    cutoff = date(2013, 1, 1) + timedelta(days=cut)
    expected = everything(rows, rules, cutoff)
    assert everything(dropped, rules, cutoff) == expected
    assert everything(changed, rules, cutoff) == expected
    assert all(t.date is None or t.date <= cutoff for found in expected for t in found)


@given(st.lists(ONE, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_treatment_policy_never_censors_an_event_that_fda_counts(rows: Any) -> None:
    of, _ = build(rows)
    fda, policy = progression_free(of, rules=FDA), progression_free(of, rules=EMA)
    assert not (fda.event & ~policy.event).any()
    both = fda.event & policy.event
    assert (policy.date[both] <= fda.date[both]).all()


# Findings -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"start": None}, "patient 001, start: is missing"),
        ({"death": "2012-12-20"}, "2012-12-20, death: lies before the start, 2013-01-01; no time to event is given"),
        ({"new_therapy": "2012-12-20"}, "2012-12-20, new_therapy: lies before the start"),
        ({"treatment_end": "2012-12-20"}, "2012-12-20, treatment_end: lies before the start"),
        ({"last_alive": "2013-03-02", "death": "2013-03-01"}, "2013-03-02, last_alive: lies after death, 2013-03-01"),
        ({"visits": [("2012-12-20", "SD")]}, "2012-12-20, assessed: lies before the start, 2013-01-01; it is left out"),
        ({"visits": [SD], "death": "2013-02-01"}, "2013-02-12, assessed: lies after death, 2013-02-01"),
        ({"visits": [(None, "SD")]}, "patient 001, assessed: is missing for an assessment with a response"),
        ({"visits": [SD, ("2013-02-12", "PD")]}, "2013-02-12, response: is different at two assessments on one day"),
    ],
)
def test_finding(fields: Any, said: str) -> None:
    visits = fields.pop("visits", ())
    found = [str(f) for f in survival_data_checks(patient(*visits, **fields), ["001"])]
    assert len(found) == 1
    assert said in found[0]


def test_good_dates_have_no_finding_nor_do_bad_ones_after_the_cutoff() -> None:
    of = patient(SD, death="2013-06-01", last_alive="2013-06-01", treatment_end="2013-04-01")
    assert survival_data_checks(of, ["001"]) == ()
    assert survival_data_checks(patient(last_alive="2013-03-02", death="2013-03-01"), ["1"], date(2013, 2, 1)) == ()


@pytest.mark.parametrize(("field", "value"), [("max_missed", 0), ("interval_days", 0), ("window_days", -1)])
def test_impossible_rules_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}: it must be at least"):
        replace(FDA, **{field: value})


def test_arrays_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match="death .2,. must have one entry"):
        Histories(dates(START), death=dates(START, START))
    with pytest.raises(ValueError, match="belong together"):
        Histories(dates(START), assessed=dates(START)[None])
    with pytest.raises(ValueError, match="must have one row for each start"):
        Histories(dates(START), dates(START, START)[:, None], np.zeros((2, 1), dtype=int))
