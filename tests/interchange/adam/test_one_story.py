"""ADRS and ADTTE tell one story of each subject: 500 made-up courses with every trap, under both sets of rules."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from posology.interchange.adam.analysis import analyse
from posology.interchange.adam.source import PRESETS, SdtmSource

SUBJECTS = 500
START = date(2024, 1, 10)
RESULTS = ["CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE", "ND"]
CRITERIA = ["RECIST 1.1", "RECIST 1.1", "RECIST 1.1", "", "iRECIST", "CA125", "IMWG", "LUGANO"]


def day(offset: int) -> str:
    return (START + timedelta(days=offset)).isoformat()


@cache
def sdtm() -> dict[str, pl.DataFrame]:
    """Draw 500 subjects: visits of about six weeks, some dates known to the month, deaths, new therapies, other
    criteria."""
    rng = np.random.default_rng(20241130)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("DM", "EX", "RS", "CM", "DS")}
    for n in range(SUBJECTS):
        key = {"STUDYID": "S", "USUBJID": f"S-{n:03}"}
        died = int(rng.integers(30, 500)) if rng.random() < 0.4 else None
        death = None if died is None else day(died)[: 7 if rng.random() < 0.3 else 10]
        rows["DM"].append(
            {**key, "SUBJID": f"{n:03}", "DTHDTC": death, "DTHFL": "Y" if death else None, "ARM": "A", "ACTARM": "A"}
        )
        rows["EX"].append(
            {**key, "EXSEQ": 1, "EXTRT": "D", "EXDOSE": 1.0, "EXDOSFRQ": "ONCE", "EXSTDTC": day(0), "EXENDTC": day(0)}
        )
        rows["DS"].append({**key, "DSDECOD": "RANDOMIZED", "DSCAT": "PROTOCOL MILESTONE", "DSSTDTC": day(-1)})
        at, last = 0, 0
        for k in range(int(rng.integers(0, 8))):
            at += int(rng.choice([28, 42, 42, 42, 45, 100]))
            if died is not None and at > died:
                break
            last = at
            for _ in range(int(rng.choice([1, 1, 1, 2]))):
                said = {
                    "RSTESTCD": "OVRLRESP",
                    "RSSTRESC": str(rng.choice(RESULTS)),
                    "RSCAT": str(rng.choice(CRITERIA)) or None,
                }
                on = day(at)[: 7 if rng.random() < 0.05 else 10]
                number = len([r for r in rows["RS"] if r["USUBJID"] == key["USUBJID"]]) + 1
                rows["RS"].append({**key, "RSSEQ": number, **said, "VISIT": f"V{k}", "VISITNUM": k + 1, "RSDTC": on})
        if last and rng.random() < 0.25:
            began = day(int(rng.integers(1, last + 30)))[: 7 if rng.random() < 0.3 else 10]
            rows["CM"].append({**key, "CMTRT": "OTHER", "CMCAT": "ANTI-CANCER", "CMSTDTC": began})
    return {name: pl.DataFrame(each, infer_schema_length=None) for name, each in rows.items()}


@cache
def derived(
    preset: str,
) -> tuple[dict[tuple[str, str], dict[str, Any]], dict[tuple[str, str], dict[str, Any]], dict[str, Any]]:
    """Return the rows of ADRS and ADTTE by subject and parameter, and each subject's death."""
    frames = {d.name: d.frame for d in analyse(SdtmSource(sdtm()), PRESETS[preset]).datasets}
    once = frames["ADRS"].filter(~pl.col("PARAMCD").is_in(["OVR"]))
    by = lambda frame: {(r["USUBJID"], r["PARAMCD"]): r for r in frame.iter_rows(named=True)}
    deaths = dict(frames["ADSL"].select("USUBJID", "DTHDT").rows())
    return by(once), by(frames["ADTTE"]), deaths


@pytest.mark.parametrize("preset", PRESETS)
def test_progression_is_the_same_in_both(preset: str) -> None:
    responses, times, _ = derived(preset)
    excused = {"Last Assessment Before Missed Ones", "Start", "Last Assessment Before New Therapy"}
    events = 0
    for (who, code), row in responses.items():
        if code != "PD":
            continue
        pfs = times[who, "PFS"]
        if pfs["CNSR"] == 0 and pfs["EVNTDESC"] == "Disease Progression":
            events += 1
            assert (row["AVALC"], row["ADT"]) == ("Y", pfs["ADT"]), who
        if row["AVALC"] == "Y":
            before = pfs["CNSR"] == 0 and pfs["ADT"] <= row["ADT"]
            assert before or pfs["EVNTDESC"] in excused, (who, row, pfs)
    assert events > 50


@pytest.mark.parametrize("preset", PRESETS)
def test_response_is_the_same_in_both(preset: str) -> None:
    responses, times, _ = derived(preset)
    code = "CRSP" if PRESETS[preset].confirmed else "RSP"
    responders = {who: row["ADT"] for (who, c), row in responses.items() if c == code and row["AVALC"] == "Y"}
    assert len(responders) >= 20
    assert {who for who, c in times if c == "RSD"} == {who for who, c in times if c == "TTR"} == set(responders)
    for who, on in responders.items():
        assert times[who, "RSD"]["STARTDT"] == times[who, "TTR"]["ADT"] == on
        if times[who, "RSD"]["CNSR"] == 0:
            assert times[who, "RSD"]["ADT"] == times[who, "PFS"]["ADT"]


@pytest.mark.parametrize("preset", PRESETS)
def test_best_response_agrees_with_what_it_is_made_of(preset: str) -> None:
    responses, _, _ = derived(preset)
    for (who, code), row in responses.items():
        if code in ("BOR", "CBOR"):
            objective = row["AVALC"] in ("CR", "PR")
            assert responses[who, {"BOR": "BCP", "CBOR": "CBCP"}[code]]["AVALC"] == ("Y" if objective else "N")
            if objective:
                assert responses[who, {"BOR": "RSP", "CBOR": "CRSP"}[code]]["AVALC"] == "Y"
            if row["AVALC"] == "PD":
                assert responses[who, "PD"]["AVALC"] == "Y"


@pytest.mark.parametrize("preset", PRESETS)
def test_death_is_the_same_in_all(preset: str) -> None:
    responses, times, deaths = derived(preset)
    for who, on in deaths.items():
        assert (times[who, "OS"]["CNSR"] == 0) == (on is not None)
        assert responses[who, "DEATH"]["ADT"] == on
        if on:
            assert times[who, "OS"]["ADT"] == on
            assert times[who, "PFS"]["ADT"] <= on
        # The other rules complete a response's date to the last day of its month, and count it as no sign of life
        for code in ("PFS", "RSD", "TTR") if preset == "recist" else ():
            if (who, code) in times and times[who, code]["CNSR"] == 1:
                assert times[who, code]["ADT"] <= times[who, "OS"]["ADT"]


def test_nothing_counts_after_a_new_therapy() -> None:
    """A response, an assessment or a progression later than the therapy is in no parameter over the course."""
    responses, times, _ = derived("recist")
    begun = dict(sdtm()["CM"].select("USUBJID", "CMSTDTC").rows())
    censored = 0
    for (who, code), row in responses.items():
        if (
            who in begun
            and len(begun[who]) == 10
            and code != "DEATH"
            and not code.startswith(("OVR", "IOVR"))
            and row["ADT"]
        ):
            assert row["ADT"] <= date.fromisoformat(begun[who]), (who, code)
    for (who, _), row in times.items():
        if who in begun and row["EVNTDESC"] == "Last Assessment Before New Therapy":
            censored += 1
    assert censored > 20
