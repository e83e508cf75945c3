"""What the R package admiralonco gives for recorded responses and for lesions, reproduced by its own set of rules.

It is an implementation, not an authority. Where it departs from the published criteria, the rules ``ADMIRALONCO``
follow it, the default follows the criteria, and the difference is listed. Its known faults are not reproduced: each has
its test.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from posology.endpoints.best_response import Best, assessments_counted, best_response, clinical_benefit, first_column
from posology.endpoints.readings import Readings, differences, read_responses
from posology.endpoints.recist import (
    ADMIRALONCO,
    NEVER,
    RECIST_11,
    Lesions,
    RecistRules,
    Response,
    Role,
    Status,
    assess,
)
from posology.endpoints.response import WORDS
from tests.endpoints.lesion_cases import CR, NAN, NON, PD, PR, SD, day, iso, laid_out, load, on, table

UNCONFIRMED = replace(ADMIRALONCO, confirmation_days=0)
Answer = tuple[str, str | None]


def responses(rows: list[dict[str, Any]]) -> list[tuple[str, int, Response]]:
    """Read (patient, day, response); what is no response, or has no date, is left out as that system leaves it out."""
    words = {r.text.upper(): r for r in Response if r is not Response.ABSENT}
    return [(r["USUBJID"], day(r["ADT"]), words[r["AVALC"]]) for r in rows if r["AVALC"] in words and r["ADT"]]


def answers(found: Best, readings: Readings, patients: list[str]) -> dict[str, Answer]:
    """Return the best response and its date of each patient."""
    return {
        who: (Response(found.response[i]).text.upper(), on(readings, i, found.at[i])) for i, who in enumerate(patients)
    }


def yes(columns: Any, readings: Readings, patients: list[str]) -> dict[str, Answer]:
    """Return Y with the date, or N, of each patient."""
    return {who: ("Y" if columns[i] >= 0 else "N", on(readings, i, columns[i])) for i, who in enumerate(patients)}


def expected(rows: list[dict[str, Any]], code: str) -> dict[str, Answer]:
    return {r["USUBJID"]: (r["AVALC"].upper(), r["ADT"] or None) for r in rows if r["PARAMCD"] == code}


# 1,000 random patients by four settings -------------------------------------------------------------------------------

ORACLE = load("recist_confirmed_bor_oracle.json.gz")
SUBJECTS = [s["USUBJID"] for s in ORACLE["subjects"]]
START = np.array([day(s["TRTSDT"]) for s in ORACLE["subjects"]])
SEEN = laid_out(responses(ORACLE["ovr"]), SUBJECTS)


@pytest.mark.parametrize("run", ORACLE["runs"], ids=lambda run: str(list(run["params"].values())))
def test_confirmed_and_unconfirmed_best_response_of_1000_random_patients(run: dict[str, Any]) -> None:
    options = run["params"]
    rules = replace(
        ADMIRALONCO,
        confirmation_days=options["ref_confirm"],
        minimum_sd_days=options["ref_start_window"],
        max_ne=options["max_nr_ne"],
        accept_sd=options["accept_sd"],
        missing_as_ne=options["missing_as_ne"],
    )
    confirmed = best_response(SEEN.overall, SEEN.day, START, None, rules)
    simple = best_response(SEEN.overall, SEEN.day, START, None, replace(rules, confirmation_days=0))
    found = zip(
        answers(confirmed, SEEN, SUBJECTS).values(),
        yes(confirmed.response_at, SEEN, SUBJECTS).values(),
        answers(simple, SEEN, SUBJECTS).values(),
        strict=True,
    )
    for (cbor, crsp, bor), row in zip(found, run["expected"], strict=True):
        wanted = tuple((row[code], row[f"{code}_ADT"]) for code in ("CBOR", "CRSP", "BOR"))
        assert (cbor, crsp, bor) == wanted, row["USUBJID"]


def test_the_differences_from_the_criteria_are_listed_with_the_rules_that_make_them() -> None:
    found = differences(SEEN.overall, SEEN.day, START)
    ours = best_response(SEEN.overall, SEEN.day, START, None, RECIST_11)
    theirs = best_response(SEEN.overall, SEEN.day, START, None, ADMIRALONCO)
    apart = (ours.response != theirs.response) | (ours.at != theirs.at)
    assert [d.patient for d in found] == np.flatnonzero(apart).tolist()
    because = Counter(rule for d in found for rule in d.because)
    assert because["disease_after_cr"] > 50 and because["missed_is_ne"] > 0 and because["missing_as_ne"] > 0
    rest = [d for d in found if not d.because]
    assert len(rest) <= 0.02 * len(found)  # those that need several rules at once


# The package's own tests ----------------------------------------------------------------------------------------------


def calls(name: str) -> list[Any]:
    return [
        pytest.param(case["calls"][0], case["expected"], id=f"{k} {case['test']}")
        for k, case in enumerate(load(name)["cases"])
    ]


def options(call: dict[str, Any]) -> RecistRules:
    """Read the arguments of the call as rules."""
    names = {
        "ref_start_window": "minimum_sd_days",
        "ref_confirm": "confirmation_days",
        "max_nr_ne": "max_ne",
        "accept_sd": "accept_sd",
        "missing_as_ne": "missing_as_ne",
    }
    given = {names[key]: json.loads(value.lower()) for key, value in call["args"].items() if key in names}
    return replace(ADMIRALONCO, **given)


def case(call: dict[str, Any]) -> tuple[Readings, np.ndarray[Any, Any], list[str]]:
    """Lay out the recorded responses, cut after the progression that another source names, if it does."""
    patients = [row["USUBJID"] for row in call["adsl"]]
    start = np.array([day(row["TRTSDT"]) if row.get("TRTSDT") else 0 for row in call["adsl"]])
    rows = [row for row in call["dataset"] if row["PARAMCD"] == "OVR"]
    if call["args"]["source_pd"] == "NULL":
        return laid_out(responses(rows), patients), start, patients
    (source,) = call["source_datasets"].values()
    ends = {r["USUBJID"]: r["ADT"] for r in source if r["PARAMCD"] == "PD" and r["ADT"] and r["AVALC"] == "Y"}
    return laid_out(responses([r for r in rows if r["ADT"] <= ends.get(r["USUBJID"], "9")]), patients), start, patients


def uncut(readings: Readings) -> Readings:
    """Without a progression given, that system goes on after PD: the PD counts as any other, and is ranked after the
    rest."""
    return Readings(np.where(readings.overall == PD, Response.UPD, readings.overall), readings.day)


@pytest.mark.parametrize(("call", "wanted"), calls("derive_param_bor.json"))
def test_derive_param_bor(call: dict[str, Any], wanted: Any) -> None:
    readings, start, patients = case(call)
    found = best_response(readings.overall, readings.day, start, None, replace(options(call), confirmation_days=0))
    assert answers(found, readings, patients) == expected(wanted, "BOR")


@pytest.mark.parametrize(("call", "wanted"), calls("derive_param_confirmed_bor.json"))
def test_derive_param_confirmed_bor(call: dict[str, Any], wanted: Any) -> None:
    readings, start, patients = case(call)
    if call["args"]["source_pd"] == "NULL":
        readings = uncut(readings)
    found = best_response(readings.overall, readings.day, start, None, options(call))
    assert answers(found, readings, patients) == expected(wanted, "CBOR")


@pytest.mark.parametrize(("call", "wanted"), calls("derive_param_confirmed_resp.json"))
def test_derive_param_confirmed_resp(call: dict[str, Any], wanted: Any) -> None:
    readings, start, patients = case(call)
    if call["args"]["source_pd"] == "NULL":
        readings = uncut(readings)
    found = best_response(readings.overall, readings.day, start, None, options(call))
    assert yes(found.response_at, readings, patients) == expected(wanted, "CRSP")


@pytest.mark.parametrize(("call", "wanted"), calls("derive_param_response.json"))
def test_derive_param_response(call: dict[str, Any], wanted: Any) -> None:
    readings, start, patients = case(call)
    if call["args"]["source_pd"] == "NULL":
        readings = uncut(readings)
    found = best_response(readings.overall, readings.day, start, None, UNCONFIRMED)
    assert yes(found.response_at, readings, patients) == expected(wanted, "RSP")


@pytest.mark.parametrize(("call", "wanted"), calls("derive_param_clinbenefit.json"))
def test_derive_param_clinbenefit(call: dict[str, Any], wanted: Any) -> None:
    readings, start, patients = case(call)
    if call["args"]["source_pd"] == "NULL":
        readings = uncut(readings)
    words = re.findall(r'"([^"]+)"', call["args"].get("clinben_vals", ""))
    values = tuple(Response.read(word) for word in words) or (CR, PR, SD, NON)
    rules = replace(options(call), confirmation_days=0)
    found = clinical_benefit(readings.overall, readings.day, start, rules, values=values)
    assert yes(found, readings, patients) == expected(wanted, "CBR")


@pytest.mark.parametrize(("call", "wanted"), calls("filter_pd.json"))
def test_filter_pd(call: dict[str, Any], wanted: Any) -> None:
    """What counts ends with the first progression, on whose day it is kept."""
    rows = [row for row in call["dataset"] if row["PARAMCD"] == "OVR"]
    patients = sorted({row["USUBJID"] for row in rows})
    readings = laid_out(responses(rows), patients)
    start = np.zeros(len(patients), dtype=np.int64)
    kept = assessments_counted(readings.overall, readings.day, start, ADMIRALONCO)
    found = {
        (who, on(readings, i, k), Response(kept[i, k]).name)
        for i, who in enumerate(patients)
        for k in range(1, kept.shape[1])
        if kept[i, k]
    }
    assert found == {(r["USUBJID"], r["ADT"], r["AVALC"]) for r in wanted if r["PARAMCD"] == "OVR"}


def test_check_crpr() -> None:
    """A PR recorded after a CR: that package warns; by the criteria it is progression, and the difference says so."""
    (wanted,) = load("check_crpr.json")["cases"]
    rows = responses(wanted["expected"])
    readings = laid_out(rows, ["2"])
    start = np.array([day("2020-02-02")])
    (found,) = differences(readings.overall, readings.day, start)
    assert (found.one, found.other, found.because) == (PD, SD, ("disease_after_cr",))
    assert assessments_counted(readings.overall, readings.day, start, RECIST_11)[0, 1:].tolist() == [CR, PD]


# The example program on CDISC data: recorded responses ----------------------------------------------------------------


def basic(rows: list[dict[str, str]], start: dict[str, int]) -> tuple[Readings, np.ndarray[Any, Any], list[str]]:
    """Lay out the investigator's overall responses from randomisation on."""
    patients = sorted(start)
    kept = [
        (r["USUBJID"], day(r["RSDTC"]), Response.read(r["RSSTRESC"]))
        for r in rows
        if r["RSTESTCD"] == "OVRLRESP" and r["RSEVAL"] == "INVESTIGATOR" and r["USUBJID"] in start
    ]
    kept = [row for row in kept if row[1] >= start[row[0]]]
    return laid_out(kept, patients), np.array([start[who] for who in patients]), patients


def derived(readings: Readings, start: Any, patients: list[str]) -> dict[str, dict[str, Answer]]:
    """Derive what the example program derives, by its rules."""
    overall, days = readings.overall, readings.day
    simple = best_response(overall, days, start, None, UNCONFIRMED)
    confirmed = best_response(overall, days, start, None, ADMIRALONCO)
    bor, cbor = answers(simple, readings, patients), answers(confirmed, readings, patients)
    responded = {
        code: {who: ("Y", on_) if what in ("CR", "PR") else ("N", None) for who, (what, on_) in of.items()}
        for code, of in (("BCP", bor), ("CBCP", cbor))
    }
    return {
        "PD": yes(first_column(overall == PD), readings, patients),
        "RSP": yes(simple.response_at, readings, patients),
        "CB": yes(clinical_benefit(overall, days, start, UNCONFIRMED), readings, patients),
        "BOR": bor,
        "CRSP": yes(confirmed.response_at, readings, patients),
        "CCB": yes(clinical_benefit(overall, days, start, ADMIRALONCO), readings, patients),
        "CBOR": cbor,
        "LSTA": {who: ("", on(readings, i, simple.evaluable_at[i] or NEVER)) for i, who in enumerate(patients)},
        **responded,
    }


@pytest.mark.parametrize("name", ["adrs_basic_adrs.csv", "adrs_onco.csv.gz"])
def test_the_example_program_on_cdisc_data(name: str) -> None:
    rows = table(name)
    start = {r["USUBJID"]: day(r["RANDDT"]) for r in rows if r["RANDDT"]}
    found = derived(*basic(table("rs_onco_recist.csv.gz"), start))
    for code in ("PD", "RSP", "CB", "BOR", "CRSP", "CCB", "CBOR", "BCP"):
        wanted = expected(rows, code)
        assert {who: found[code][who] for who in wanted if who in start} == {
            who: answer for who, answer in wanted.items() if who in start
        }, code
        assert all(answer[0] in ("N", "MISSING") for who, answer in wanted.items() if who not in start)
    # A known fault of that program: it looks for confirmed responses before it has derived them, and so never finds
    # one.
    apart = {who for who, answer in expected(rows, "CBCP").items() if who in start and found["CBCP"][who] != answer}
    assert apart == {who for who in start if found["CBOR"][who][0] in ("CR", "PR")} and len(apart) == 1
    # Another: its last assessment may be one that was not evaluable, or come after the progression.
    wanted = expected(rows, "LSTA")
    for who in start:
        ours, theirs = found["LSTA"][who][1], wanted[who][1]
        assert ours == theirs or (theirs is not None and (ours is None or ours < theirs)), who
    later = {who for who in start if found["LSTA"][who][1] != wanted[who][1]}
    assert 0 < len(later) < 5


def test_measurable_disease_at_baseline() -> None:
    wanted = {who: answer for who, (answer, _) in expected(table("adrs_onco.csv.gz"), "MDIS").items()}
    lesions, patients, _ = diameters()
    has = assess(lesions, len(patients), 6).has_target
    assert {who for who, answer in wanted.items() if answer == "Y"} == {
        who for who, yes_ in zip(patients, has, strict=True) if yes_
    }


def test_the_vignette_with_its_own_input() -> None:
    made = load("vignette_adrs_basic_case.json")
    rows = [r for r in made["input"] if r["ANL01FL"] == "Y"]
    patients = sorted({r["USUBJID"] for r in made["expected"]})
    start = {r["USUBJID"]: day(r["RANDDT"]) for r in rows}
    found = derived(laid_out(responses(rows), patients), np.array([start.get(who, 0) for who in patients]), patients)
    for code in ("PD", "RSP", "CB", "BOR", "CRSP", "CCB", "CBOR", "BCP"):
        assert found[code] == expected(made["expected"], code), code


def test_by_the_criteria_the_same_data_differ_only_where_listed() -> None:
    rows = table("adrs_basic_adrs.csv")
    start = {r["USUBJID"]: day(r["RANDDT"]) for r in rows}
    readings, starts, patients = basic(table("rs_onco_recist.csv.gz"), start)
    found = differences(readings.overall, readings.day, starts)
    listed = {patients[d.patient]: (d.one.name, d.other.name, d.because) for d in found}
    ours = best_response(readings.overall, readings.day, starts)
    for i, who in enumerate(patients):
        same = (Response(ours.response[i]).text.upper(), on(readings, i, ours.at[i])) == expected(rows, "CBOR")[who]
        assert same == (who not in listed), who


# The example program on CDISC data: lesions ---------------------------------------------------------------------------


def diameters() -> tuple[Lesions, list[str], dict[tuple[int, int], str]]:
    """Read the investigator's target lesions: longest diameters, short axes of lymph nodes."""
    places = {
        (r["USUBJID"], r["TULNKID"]): r["TULOC"]
        for r in table("tu_onco_recist.csv.gz")
        if r["TUEVAL"] == "INVESTIGATOR"
    }
    rows = [
        r
        for r in table("tr_onco_recist.csv.gz")
        if r["TREVAL"] == "INVESTIGATOR"
        and r["TRGRPID"] == "TARGET"
        and r["TRTESTCD"] == ("LPERP" if places[r["USUBJID"], r["TRLNKID"]] == "LYMPH NODE" else "LDIAM")
    ]
    patients = sorted({r["USUBJID"] for r in rows})
    visits: dict[str, list[int]] = {}
    for r in sorted(rows, key=lambda r: int(r["VISITNUM"])):
        seen = visits.setdefault(r["USUBJID"], [])
        if int(r["VISITNUM"]) not in seen:
            seen.append(int(r["VISITNUM"]))
    columns: list[list[Any]] = [[] for _ in range(8)]
    name = {}
    for r in rows:
        i, k = patients.index(r["USUBJID"]), visits[r["USUBJID"]].index(int(r["VISITNUM"]))
        name[i, k] = r["VISIT"]
        node = places[r["USUBJID"], r["TRLNKID"]] == "LYMPH NODE"
        size = float(r["TRSTRESN"]) if r["TRSTRESN"] else NAN
        values = (
            i,
            k,
            int(r["TRLNKID"][1:]) - 1,
            day(r["TRDTC"], first=True),
            Role.TARGET,
            Status.MEASURED,
            node,
            size,
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return Lesions(*(np.array(column) for column in columns)), patients, name


def test_sums_nadirs_changes_and_progression_of_target_lesions() -> None:
    lesions, patients, _ = diameters()
    found = assess(lesions, len(patients), 1 + int(lesions.assessment.max()), ADMIRALONCO)
    wanted = [r for r in table("adtr_onco.csv.gz") if r["PARAMCD"] == "SDIAM"]
    place = {(patients[i], iso(found.day[i, k])): (i, k) for i, k in zip(*np.nonzero(found.day >= 0), strict=True)}
    assert len(wanted) == len(place) == 25
    incomplete = 0
    for row in wanted:
        i, k = place[row["USUBJID"], row["ADT"]]
        assert found.measured_mm[i, k] == pytest.approx(float(row["AVAL"]))
        complete = row["ANL01FL"] == "Y"
        assert np.isnan(found.sum_mm[i, k]) != complete
        if k:
            assert found.nadir_mm[i, k] == pytest.approx(float(row["NADIR"]))
            assert (found.target[i, k] == PD) == (row["PDFL"] == "Y"), row["USUBJID"]
        if complete:
            assert found.change[i, k] == pytest.approx(float(row["PCHG"]))
            if row["PCHGNAD"]:
                assert found.change_from_nadir[i, k] == pytest.approx(float(row["PCHGNAD"]))
            else:
                assert k == 0 or found.nadir_mm[i, k] == 0
        else:  # it takes the change of what was measured; by the criteria the sum is not known
            assert np.isnan(found.change[i, k]) and row["PCHG"]
            incomplete += 1
    assert incomplete == 3
    assert {r["AVAL"] for r in wanted} == {r["AVAL"] for r in table("adtr_adtr.csv") if r["PARAMCD"] == "SDIAM"}


def test_its_flag_of_complete_response_misses_nodes_and_its_flag_of_progression_takes_what_was_not_measured() -> None:
    """Two known faults: CRFL asks for a sum of 0, PDFL takes an unmeasured assessment after a nadir of 0 for
    progression."""
    zeros = np.zeros(4, dtype=np.int64)
    rows = Lesions(
        zeros,
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.array([0, 0, 42, 42]),
        zeros,
        zeros,
        np.array([False, True, False, True]),
        np.array([30.0, 20, 0, 9]),
    )
    assert Response(assess(rows, 1, 2, ADMIRALONCO).target[0, 1]) is CR
    three = np.array([0, 1, 2])
    rows = Lesions(
        zeros[:3], three, zeros[:3], 42 * three, zeros[:3], zeros[:3], zeros[:3].astype(bool), np.array([30.0, 0, NAN])
    )
    assert Response(assess(rows, 1, 3, ADMIRALONCO).target[0, 2]) is Response.NE


# Volume: simulated without clinical sense, so every rule meets every other
# ---------------------------------------------


def test_a_large_simulated_domain_is_read_whole_and_every_difference_has_its_reason() -> None:
    rows = [r for r in table("rs_onco.csv.gz") if r["RSTESTCD"] == "OVRLRESP" and r["RSEVAL"] == "INVESTIGATOR"]
    assert {r["RSSTRESC"] for r in rows if r["RSSTRESC"].upper() not in WORDS} == {"CHECK"}  # no response
    rows = [r for r in rows if r["RSDTC"] and r["RSSTRESC"].upper() in WORDS]
    start = {
        r["USUBJID"]: min(
            day(x["RSDTC"]) - int(x["RSDY"]) + 1 for x in rows if x["USUBJID"] == r["USUBJID"] and x["RSDY"]
        )
        for r in rows
        if r["RSDY"]
    }
    readings, starts, patients = basic(rows, start)
    assert len(patients) > 100
    found = best_response(readings.overall, readings.day, starts)
    assert ((found.response == Response.NE) == (found.reason > 0)).all()
    for difference in differences(readings.overall, readings.day, starts):
        assert difference.because, patients[difference.patient]


def test_what_cannot_be_read_is_a_finding() -> None:
    start = {"1": date(2024, 1, 1)}
    days = [date(2024, 2, 1), date(2023, 12, 1), date(2024, 2, 1), date(2024, 3, 1), date(2024, 3, 1)]
    codes, found = read_responses(["1", "1", "2", "1", "1"], days, ["good", "PR", "PR", "PR", "SD"], start)
    assert codes.tolist() == [0, 0, 0, PR, SD]
    assert [(f.patient, f.field) for f in found] == [("1", "overall"), ("1", "day"), ("2", "start"), ("1", "overall")]
