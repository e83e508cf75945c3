"""ADTR, ADRS and ADTTE against those that admiral with admiralonco (R) made of the same SDTM, value by value.

Under ``--conventions admiralonco`` all is the same but what that system has wrong; each of those is a test here with
its reason.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from posology.endpoints.response import ADMIRALONCO
from posology.endpoints.response import RecistRules as Criteria
from posology.interchange.adam.adrs import adrs, overall_responses
from posology.interchange.adam.adsl import adsl
from posology.interchange.adam.adtr import adtr, tumours
from posology.interchange.adam.adtte import adtte
from posology.interchange.adam.analysis import analyse
from posology.interchange.adam.source import PRESETS, AdamConventions, SdtmSource
from posology.interchange.datasets.conformance.check import conform_datasets
from tests.interchange.adam.test_analysis import ADMIRAL_ALIVE, differing, frame, source

KEYS = ["USUBJID", "PARAMCD"]
THEIRS = PRESETS["admiralonco"]


@cache
def sdtm() -> SdtmSource:
    more = {name: frame(f"sdtm/{name.lower()}_onco_recist.csv.gz") for name in ("TU", "TR", "RS")}
    return SdtmSource({**source().domains, **more})


@cache
def derived(preset: str) -> dict[str, pl.DataFrame]:
    rules = PRESETS[preset]
    subjects = adsl(sdtm(), rules, ADMIRAL_ALIVE)
    measured = tumours(sdtm(), rules, subjects)
    assessed = overall_responses(sdtm(), rules, subjects, measured)
    assert measured and assessed
    return {
        "ADSL": subjects,
        "ADTR": adtr(measured, rules, subjects),
        "ADTTE": adtte(sdtm(), rules, subjects, assessed),
        "ADRS": adrs(sdtm(), rules, subjects, assessed, measured),
    }


def randomised(theirs: pl.DataFrame) -> pl.DataFrame:
    """Their rows of subjects who were randomised; screen failures have no response, and no rows here."""
    known = derived("admiralonco")["ADSL"].filter(pl.col("RANDDT").is_not_null())
    return theirs.join(known.select("USUBJID"), on="USUBJID", how="semi")


# ADRS -----------------------------------------------------------------------------------------------------------------

SUMMARY = ["PD", "RSP", "CRSP", "BCP", "CBCP", "CB", "CCB", "BOR", "CBOR", "LSTA", "MDIS", "DEATH"]
FAULTS = {("01-701-1118", "CBCP"), ("01-701-1028", "LSTA")}
"""CBCP is N for all in that system, whose program asks before CBOR is there; its LSTA may lie after progression."""


@pytest.mark.parametrize("code", SUMMARY)
@pytest.mark.parametrize("column", ["AVALC", "ADT"])
def test_adrs(code: str, column: str) -> None:
    theirs = randomised(frame("adam/adrs_onco.csv.gz")).filter(pl.col("PARAMCD") == code)
    if code == "LSTA":
        theirs = theirs.filter(pl.col("AVALC").is_not_null())
    ours = derived("admiralonco")["ADRS"].filter(pl.col("PARAMCD") == code)
    assert ours.height == theirs.height
    assert ours.height == (8 if code == "LSTA" else 254)
    found = differing(ours, theirs, KEYS, column)
    assert set(found.select(KEYS).rows()) == {key for key in FAULTS if key[1] == code}


def test_numbers_of_responses_are_theirs() -> None:
    theirs = randomised(frame("adam/adrs_onco.csv.gz")).filter(~pl.col("PARAMCD").is_in(["CBCP", "LSTA", "OVR"]))
    ours = derived("admiralonco")["ADRS"].filter(pl.col("PARAMCD").is_in(theirs["PARAMCD"].unique().to_list()))
    assert differing(ours, theirs, KEYS, "AVAL").is_empty()


def test_each_assessment() -> None:
    theirs = frame("adam/adrs_onco.csv.gz").filter(pl.col("PARAMCD") == "OVR")
    ours = derived("admiralonco")["ADRS"].filter(pl.col("PARAMCD") == "OVR")
    assert ours.height == theirs.height == 22
    for column in ("AVALC", "ADTF", "ANL01FL", "ANL02FL", "VISIT", "AVISIT", "AVAL"):
        assert differing(ours, theirs, ["USUBJID", "ADT"], column).is_empty(), column
    day = (ours["ADT"] - ours["RANDDT"]).dt.total_days()
    assert (ours["ADY"] == day + (day >= 0).cast(pl.Int64)).all()


@pytest.mark.parametrize("column", ["AVALC", "ADT"])
def test_adrs_basic(column: str) -> None:
    """The same from the other program of that system, which goes by functions where adrs_onco goes by events."""
    theirs = frame("expected/adrs_basic_adrs.csv").filter((pl.col("PARAMCD") != "OVR") & pl.col("AVALC").is_not_null())
    ours = derived("admiralonco")["ADRS"].join(theirs.select(KEYS), on=KEYS, how="semi")
    assert ours.height == theirs.height == 107
    assert set(differing(ours, theirs, KEYS, column).select(KEYS).rows()) == FAULTS


def test_confirmed_response_yes_is_where_the_best_confirmed_response_is_one() -> None:
    """Their CBCP is N in all 306 subjects, although CBOR is PR in one."""
    assert frame("adam/adrs_onco.csv.gz").filter(pl.col("PARAMCD") == "CBCP")["AVALC"].unique().to_list() == ["N"]
    ours = derived("admiralonco")["ADRS"].pivot("PARAMCD", index="USUBJID", values="AVALC", aggregate_function="first")
    assert ((ours["CBCP"] == "Y") == ours["CBOR"].is_in(["CR", "PR"])).all()
    assert ours.filter(pl.col("CBCP") == "Y")["USUBJID"].to_list() == ["01-701-1118"]


def test_the_last_assessment_is_never_after_progression() -> None:
    """Theirs is SD of 20 September 2013, three weeks after progression on 30 August."""
    ours = derived("admiralonco")["ADRS"].filter((pl.col("PARAMCD") == "LSTA") & (pl.col("USUBJID") == "01-701-1028"))
    assert ours.select("AVALC", "ADT").row(0) == ("PD", date(2013, 8, 30))


def test_the_published_criteria_differ_where_they_should() -> None:
    """By RECIST 1.1 from first dose: who was never assessed is NE, and is it not for lack of a category."""
    ours, theirs = derived("recist")["ADRS"], derived("admiralonco")["ADRS"]
    both = ours.filter(pl.col("PARAMCD") == "CBOR").join(
        theirs.filter(pl.col("PARAMCD") == "CBOR"), on="USUBJID", suffix="_theirs"
    )
    changed = both.filter(pl.col("AVALC") != pl.col("AVALC_theirs")).select("AVALC", "AVALC_theirs").unique().rows()
    assert changed == [("NE", "MISSING")]


# ADTR -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["adam/adtr_onco.csv.gz", "expected/adtr_adtr.csv"])
def test_sums_of_diameters(theirs: str) -> None:
    """Where all target lesions were measured; theirs sums what there is, ours is missing (RECIST 1.1, section
    4.4.2)."""
    expected = frame(theirs).filter(pl.col("PARAMCD") == "SDIAM")
    ours = derived("admiralonco")["ADTR"].filter(pl.col("PARAMCD") == "SDIAM")
    key = ["USUBJID", "ADT"]
    assert ours.height == expected.height == 25
    for column in ("ANL01FL", "BASE", "ABLFL", *(("CRIT1FL",) if "PDFL" in expected.columns else ())):
        other = expected.rename({"PDFL": "CRIT1FL"}) if column == "CRIT1FL" else expected
        mine = ours.with_columns(pl.col("CRIT1FL").replace("N", None))
        assert differing(mine, other.with_columns(pl.col("BASE").cast(pl.Float64)), key, column).is_empty(), column
    whole = expected.filter(pl.col("ANL01FL") == "Y")
    assert whole.height == 22
    mine = ours.join(whole.select(key), on=key, how="semi")
    for column in ("AVAL", "NADIR", *(("CHGNAD", "PCHGNAD") if "PCHGNAD" in whole.columns else ())):
        assert differing(mine, whole.with_columns(pl.col(column).cast(pl.Float64)), key, column).is_empty(), column
    later = whole.filter(pl.col("ABLFL").is_null())
    for column in ("CHG", "PCHG"):
        mine = ours.join(later.select(key), on=key, how="semi")
        assert differing(mine, later.with_columns(pl.col(column).cast(pl.Float64)), key, column).is_empty(), column


@pytest.mark.parametrize("flag", ["ANL02FL", "ANL03FL", "ANL04FL", "AVISIT", "ADY"])
def test_flags_and_visits_of_sums(flag: str) -> None:
    """The lowest change (ANL02FL), complete before progression (ANL03FL), complete or progression (ANL04FL)."""
    expected = frame("adam/adtr_onco.csv.gz").filter(pl.col("PARAMCD") == "SDIAM")
    ours = derived("admiralonco")["ADTR"].filter(pl.col("PARAMCD") == "SDIAM")
    assert differing(ours, expected, ["USUBJID", "ADT"], flag).is_empty()


def test_what_a_partial_sum_is_not() -> None:
    partial = derived("admiralonco")["ADTR"].filter((pl.col("PARAMCD") == "SDIAM") & pl.col("ANL01FL").is_null())
    assert partial.select("USUBJID", "AVAL", "CRIT1FL").rows() == [
        ("01-701-1015", None, None),
        ("01-701-1028", None, "Y"),
        ("01-701-1118", None, None),
    ]


def test_diameters() -> None:
    """Theirs has longest diameters as LDIAMn, those across as NLDIAMn; ours has what counts: of a node, that across."""
    theirs = frame("adam/adtr_onco.csv.gz").filter(pl.col("PARAMCD") != "SDIAM")
    ours = derived("admiralonco")["ADTR"].filter(pl.col("PARAMCD") != "SDIAM")
    node = pl.col("TULOC") == "LYMPH NODE"
    counted = theirs.filter(node == pl.col("PARAMCD").str.starts_with("N"))
    counted = counted.with_columns(pl.col("PARAMCD").str.strip_prefix("N"))
    assert ours.height == counted.height == 78
    for column in ("AVAL", "ADTF", "TRLNKID", "TRSEQ", "VISIT", "AVISIT", "ADY"):
        assert differing(ours, counted, [*KEYS, "ADT"], column).is_empty(), column


# ADTTE ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", ["adam/adtte_onco.csv.gz", "expected/adtte_adtte.csv"])
def test_adtte(theirs: str) -> None:
    """All 512 times: overall and progression-free survival, duration of response."""
    expected = frame(theirs)
    ours = derived("admiralonco")["ADTTE"].filter(pl.col("PARAMCD") != "TTR")
    assert ours.height == expected.height == 512
    for column in ("AVAL", "ADT", "STARTDT", "CNSR"):
        assert differing(ours, expected, KEYS, column).is_empty(), column
    event = pl.col("CNSR") == 0
    assert differing(ours.filter(event), expected.filter(event), KEYS, "EVNTDESC").is_empty()
    assert expected.filter(event).height == 10


def test_the_time_of_response_is_that_of_confirmed_responses_by_default() -> None:
    for preset, who in (
        ("recist", ["01-701-1118"]),
        ("admiralonco", ["01-701-1015", "01-701-1115", "01-701-1118", "01-701-1133"]),
    ):
        times = derived(preset)["ADTTE"].filter(pl.col("PARAMCD") == "RSD")
        assert times["USUBJID"].sort().to_list() == who


# Made by hand ---------------------------------------------------------------------------------------------------------


def made(**domains: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    frames = {
        "DM": [{"USUBJID": "1", "SUBJID": "1", "AGE": 60, "ARM": "A", "ACTARM": "A"}],
        "EX": [{"USUBJID": "1", "EXSEQ": 1, "EXTRT": "X", "EXDOSE": 5.0, "EXSTDTC": "2013-01-01"}],
    } | domains
    return {name: pl.DataFrame([{"STUDYID": "S", **row} for row in rows]) for name, rows in frames.items()}


def lesions(*visits: tuple[str, dict[str, float | str]]) -> list[dict[str, Any]]:
    return [
        {
            "USUBJID": "1",
            "TRSEQ": 10 * k + n,
            "TRGRPID": "NEW" if link.startswith("N") else "TARGET",
            "TRLNKID": link,
            "VISITNUM": k,
            "VISIT": f"V{k}",
            "TRDTC": on,
            "TRTESTCD": "TUMSTATE" if isinstance(value, str) else "LDIAM",
            "TRSTRESC": str(value),
            "TRSTRESN": None if isinstance(value, str) else value,
            "TRSTRESU": None if isinstance(value, str) else "mm",
        }
        for k, (on, sizes) in enumerate(visits)
        for n, (link, value) in enumerate(sizes.items())
    ]


def values(
    domains: dict[str, pl.DataFrame], rules: AdamConventions = PRESETS["recist"], cutoff: date | None = None
) -> dict[str, tuple[Any, ...]]:
    datasets = analyse(SdtmSource(domains).at(cutoff), rules).datasets
    assert conform_datasets({d.name: d for d in datasets}) == []
    frames = {d.name: d.frame for d in datasets}
    found = {
        p: (v, d)
        for p, v, d in frames["ADRS"].filter(pl.col("PARAMCD") != "OVR").select("PARAMCD", "AVALC", "ADT").rows()
    }
    return found | {p: (int(n), d, c) for p, n, d, c in frames["ADTTE"].select("PARAMCD", "AVAL", "ADT", "CNSR").rows()}


COURSE = [
    ("2012-12-20", {"T1": 40.0, "T2": 20.0}),
    ("2013-02-12", {"T1": 20.0, "T2": 10.0}),
    ("2013-03-26", {"T1": 21.0, "T2": 10.0}),
    ("2013-05-07", {"T1": 21.0, "T2": 10.0, "N1": "UNEQUIVOCAL"}),
]


def responses(*seen: tuple[str, str], rules: AdamConventions = PRESETS["recist"]) -> pl.DataFrame:
    """ADRS of one subject, from the overall responses on their days."""
    rows = [
        {"USUBJID": "1", "RSSEQ": n, "RSTESTCD": "OVRLRESP", "RSCAT": "RECIST 1.1", "RSSTRESC": said, "RSDTC": on}
        | {"VISIT": f"V{n}", "VISITNUM": n}
        for n, (on, said) in enumerate(seen, 1)
    ]
    datasets = analyse(SdtmSource(made(RS=rows)), rules).datasets
    assert conform_datasets({d.name: d for d in datasets}) == []
    return next(d.frame for d in datasets if d.name == "ADRS")


def answer(frame_: pl.DataFrame, code: str) -> tuple[Any, ...]:
    return frame_.filter(pl.col("PARAMCD") == code).select("AVALC", "ADT").row(0)


def test_no_evidence_of_disease_is_a_best_response_of_its_own() -> None:
    """Seen from day 42 on, and before any progression; by RECIST 1.1 alone it is not evaluable, and no progression."""
    seen = responses(("2013-01-20", "NED"), ("2013-02-20", "NED"), ("2013-04-05", "PD"))
    assert (answer(seen, "BOR"), answer(seen, "A1BOR")) == (
        ("PD", date(2013, 4, 5)),
        ("NED", date(2013, 2, 20)),
    )
    early = responses(("2013-01-20", "NED"), ("2013-04-05", "PD"))
    assert answer(early, "A1BOR") == answer(early, "BOR") == ("PD", date(2013, 4, 5))
    assert answer(responses(("2013-02-20", "NED"), ("2013-04-05", "PR")), "A1BOR") == ("PR", date(2013, 4, 5))


def test_a_reader_who_assessed_nobody_is_refused() -> None:
    rows = [{"USUBJID": "1", "RSSEQ": 1, "RSTESTCD": "OVRLRESP", "RSSTRESC": "PR", "RSDTC": "2013-02-20"}]
    theirs = [row | {"RSEVAL": "INDEPENDENT ASSESSOR"} for row in rows]
    with pytest.raises(ValueError, match="--EVAL is RADIOLOGIST in no row: assessments are by INDEPENDENT ASSESSOR"):
        analyse(SdtmSource(made(RS=theirs)), replace(AdamConventions(), reader="RADIOLOGIST"))
    told = [str(f) for f in analyse(SdtmSource(made(RS=theirs)), AdamConventions()).findings]
    assert any("--EVAL: is INVESTIGATOR in no row; assessments are by INDEPENDENT ASSESSOR" in t for t in told)


def test_a_late_progression_is_alternative_benefit() -> None:
    """Later than 42 days, not on the 42nd: 12 February is day 42 after 1 January."""
    on, after = responses(("2013-02-12", "PD")), responses(("2013-02-13", "PD"))
    assert (answer(on, "ACCB")[0], answer(after, "ACCB"), answer(after, "CCB")[0]) == (
        "N",
        ("Y", date(2013, 2, 13)),
        "N",
    )


def test_not_done_is_no_assessment_where_rules_have_no_number_for_it() -> None:
    """Under admiralonco ND has no AVAL and no flag, and a subject with nothing else is MISSING; by RECIST 1.1 NE."""
    theirs, published = (responses(("2013-02-20", "ND"), rules=PRESETS[p]) for p in ("admiralonco", "recist"))
    assert theirs.filter(pl.col("PARAMCD") == "OVR").select("AVALC", "AVAL").row(0) == ("ND", None)
    assert "ANL01FL" not in theirs.columns or theirs.filter(pl.col("PARAMCD") == "OVR")["ANL01FL"].to_list() == [None]
    assert answer(theirs, "CBOR")[0] == answer(theirs, "BOR")[0] == "MISSING"
    assert answer(published, "CBOR")[0] == answer(published, "BOR")[0] == "NE"


def test_responses_follow_from_the_lesions_where_nobody_gave_them() -> None:
    found = values(made(TR=lesions(*COURSE)))
    assert found["CBOR"] == ("PR", date(2013, 2, 12))
    assert found["PD"] == ("Y", date(2013, 5, 7))
    assert found["PFS"] == (127, date(2013, 5, 7), 0)
    assert found["RSD"] == (85, date(2013, 5, 7), 0)
    assert found["TTR"] == (43, date(2013, 2, 12), 0)


def test_a_cutoff_takes_back_what_came_later() -> None:
    found = values(made(TR=lesions(*COURSE)), cutoff=date(2013, 3, 1))
    assert (found["BOR"], found["CBOR"]) == (("PR", date(2013, 2, 12)), ("SD", date(2013, 2, 12)))
    assert found["PFS"] == (43, date(2013, 2, 12), 1)
    assert "RSD" not in found


def test_a_new_therapy_censors_and_two_missed_assessments_too() -> None:
    drugs = [{"USUBJID": "1", "CMSEQ": 1, "CMCAT": "ANTI-CANCER THERAPY", "CMSTDTC": "2013-04-01"}]
    assert values(made(TR=lesions(*COURSE), CM=drugs))["PFS"] == (85, date(2013, 3, 26), 1)
    late = [*COURSE[:3], ("2013-08-20", COURSE[3][1])]
    assert values(made(TR=lesions(*late)))["PFS"] == (85, date(2013, 3, 26), 1)
    assert values(made(TR=lesions(*late)))["PD"] == ("Y", date(2013, 8, 20))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"TRSTRESU": "furlong"},
            "patient 1, 2012-12-20, TRSTRESU: is 'furlong'; a diameter is in mm or cm: it is not used",
        ),
        ({"TRLNKID": None}, "patient 1, 2012-12-20, TRLNKID: is missing; the measurement is not used"),
        ({"TRDTC": None}, "patient 1, TRDTC: is missing; the measurement is not used"),
        (
            {"TRSTRESN": -3.0},
            "patient 1, 2012-12-20, diameter_mm: lesion T1 is -3 mm; a diameter is a number from 0 on: it is not used",
        ),
        (
            {"TRGRPID": "OTHER"},
            "patient 1, 2012-12-20, TRGRPID: lesion T1 is neither target, non-target nor new; it is not used",
        ),
    ],
)
def test_what_cannot_be_used_is_told(change: dict[str, Any], says: str) -> None:
    rows = lesions(*COURSE)
    rows[0] |= change
    assert says in [str(f) for f in analyse(SdtmSource(made(TR=rows)), AdamConventions()).findings]


def test_two_diameters_of_a_lesion_are_none() -> None:
    rows = lesions(*COURSE[:3])
    rows.append(rows[2] | {"TRSEQ": 99, "TRSTRESN": 35.0, "TRSTRESC": "35"})
    made_of = analyse(SdtmSource(made(TR=rows)), AdamConventions())
    assert "patient 1, 2013-02-12, TRSTRESN: lesion T1 has two diameters at V1; it is not evaluable there" in [
        str(f) for f in made_of.findings
    ]
    overall = {d.name: d.frame for d in made_of.datasets}["ADRS"].filter(pl.col("PARAMCD") == "OVR")
    assert overall["AVALC"].to_list() == ["NE", "PR"]
    rows[-1]["TRSTRESN"] = 20.0
    assert values(made(TR=rows)) == values(made(TR=lesions(*COURSE[:3])))


def test_centimetres_are_millimetres() -> None:
    rows = lesions(*COURSE)
    for row in rows:
        if row["TRSTRESN"]:
            row["TRSTRESN"], row["TRSTRESU"] = row["TRSTRESN"] / 10, "cm"
    assert values(made(TR=rows)) == values(made(TR=lesions(*COURSE)))


def test_the_order_of_rows_never_matters() -> None:
    domains = made(TR=lesions(*COURSE))
    turned = {name: each.sample(fraction=1, shuffle=True, seed=5) for name, each in domains.items()}
    for one, other in zip(
        *(analyse(SdtmSource(each), AdamConventions()).datasets for each in (domains, turned)), strict=True
    ):
        assert one.frame.equals(other.frame), one.name


def test_presets_are_what_they_say() -> None:
    assert (PRESETS["recist"].recist, PRESETS["recist"].start) == (Criteria(), "TRTSDT")
    assert (THEIRS.recist, THEIRS.start) == (ADMIRALONCO, "RANDDT")


# From a record --------------------------------------------------------------------------------------------------------


def test_the_worked_example(imgn853_file: Path, tmp_path: Path) -> None:
    """18 patients; responses, times and CA-125 as the readout of the same day has them."""
    from typer.testing import CliRunner

    from posology.cli.app import app
    from posology.conduct.patient_courses import patient_courses
    from posology.conduct.trial import Trial
    from posology.interchange.datasets.formats import read_dataset

    run = CliRunner().invoke
    trial, out = imgn853_file, tmp_path / "adam"
    given = run(app, ["export", "adam", str(trial), str(out), "--cutoff", "2013-05-10", "--json"])
    assert given.exit_code == 0, given.output
    assert run(app, ["submission", "conform", str(out)]).exit_code == 0
    frames = {name: read_dataset(out / f"{name}.xpt").frame for name in ("adsl", "adrs", "adtte")}
    assert frames["adsl"].height == 18
    of = {
        (who[-8:], code): (value, on)
        for who, code, value, on in frames["adrs"].select("USUBJID", "PARAMCD", "AVALC", "ADT").rows()
    }
    times = {
        (who[-8:], code): (n, c)
        for who, code, n, c in frames["adtte"].select("USUBJID", "PARAMCD", "AVAL", "CNSR").rows()
    }
    with Trial.open(str(trial)) as opened:
        read_out = patient_courses(opened.state(occurred_by=date(2013, 5, 10)), date(2013, 5, 10))
    assert len(read_out) == 18
    for course in read_out:
        response, marker = course.response, course.marker
        best = "NE" if response.best == "not assessed" else response.best
        assert of[course.id, "BOR"] == (best, response.on)
        assert of[course.id, "PD"] == ("Y" if response.progression else "N", response.progression)
        if response.confirmation == "awaiting confirmation":
            assert (best, of[course.id, "CBOR"][0], of[course.id, "CRSP"][0]) == ("PR", "SD", "N")
        dosed = course.patient.first_dose
        assert dosed
        if response.progression:
            assert times[course.id, "PFS"] == ((response.progression - dosed.occurred).days + 1, 0)
        else:
            assert times[course.id, "PFS"][1] == 1
        judged = marker is not None and marker.response not in ("not applicable", "not evaluable")
        assert ((course.id, "CARSP") in of) == judged
        if judged and marker:
            assert (of[course.id, "CARSP"][0] == "Y") == (marker.response == "confirmed")
    assert [who for (who, code), (value, _) in of.items() if code == "CARSP" and value == "Y"] == ["0401-005"]
    assert of["0401-005", "CARSP"][1] == date(2012, 11, 19)
    assert sorted(who for (who, code), (value, _) in of.items() if code == "BOR" and value == "PR") == [
        "0401-010",
        "0401-013",
    ]
