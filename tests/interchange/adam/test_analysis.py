"""The analysis datasets against those that another system (admiral, R) made of the same SDTM, value by value.

Where we differ, the difference is stated here with its reason, and tested as such.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from posology.interchange.adam.adae import adae
from posology.interchange.adam.adex import adex
from posology.interchange.adam.adlb import adlb
from posology.interchange.adam.adsl import adsl
from posology.interchange.adam.analysis import analyse, export, read_folder
from posology.interchange.adam.source import AdamConventions, SdtmSource
from posology.interchange.datasets.conformance.check import conform_datasets
from posology.interchange.datasets.formats import read_dataset
from posology.interchange.datasets.metadata import dataset_of, standard

DATA = Path(__file__).parents[2] / "data/pharmaverse"
SPONSOR = DATA.parent / "cdisc_pilot/adsl_treatment.csv"
ADMIRAL_ALIVE = {"AE": ("AESTDTC", "AEENDTC"), "LB": ("LBDTC",), "EX": ("EXENDTC",)}
"""The dates on which admiral's program takes a subject to have been alive; ours are more (vital signs, tumours)."""


@cache
def frame(name: str) -> pl.DataFrame:
    return read_dataset(DATA / name).frame


@cache
def source() -> SdtmSource:
    names = ("ae", "dm", "ds", "ex", "lb", "vs", "suppae")
    return SdtmSource({name.upper(): frame(f"sdtm/{name}.csv.gz") for name in names})


@cache
def subjects() -> pl.DataFrame:
    return adsl(source(), AdamConventions(), ADMIRAL_ALIVE)


def differing(ours: pl.DataFrame, theirs: pl.DataFrame, keys: list[str], column: str) -> pl.DataFrame:
    """Return the rows, of both together, whose values differ."""
    both = theirs.select(*keys, column).join(
        ours.select(*keys, pl.col(column).alias("ours")), on=keys, how="full", coalesce=True
    )
    if theirs[column].dtype.is_numeric():
        close = (pl.col(column) - pl.col("ours")).abs() < 1e-9
        return both.filter(
            ~pl.when(pl.col(column).is_null() | pl.col("ours").is_null())
            .then(pl.col(column).is_null() & pl.col("ours").is_null())
            .otherwise(close)
        )
    return both.filter(~pl.col(column).eq_missing(pl.col("ours")))


ADSL_SAME = [
    "SUBJID",
    "SITEID",
    "COUNTRY",
    "AGE",
    "AGEU",
    "AGEGR1",
    "SEX",
    "RACE",
    "ETHNIC",
    "SAFFL",
    "ARM",
    "ACTARM",
    "TRT01P",
    "TRTSDT",
    "TRTEDT",
    "TRTDURD",
    "EOSSTT",
    "EOSDT",
    "RANDDT",
    "LSTALVDT",
    "DTHFL",
    "DTHDT",
    "DTHDTF",
]


OPEN = ("01-704-1233", "01-705-1018", "01-705-1031", "01-705-1303", "01-705-1377", "01-705-1382")
"""Subjects with a last interval whose end was not collected: the other system drops it from ADSL and counts it as no
days in ADEX; here it goes to the end of the study, and its days are not known."""


@pytest.mark.parametrize("column", ADSL_SAME)
def test_adsl(column: str) -> None:
    assert subjects().height == 306
    found = differing(subjects(), frame("adam/adsl.csv.gz"), ["USUBJID"], column)
    assert sorted(found["USUBJID"]) == (sorted(OPEN) if column in ("TRTEDT", "TRTDURD") else [])


@pytest.mark.parametrize("column", ["TRTSDT", "TRTEDT", "TRTDURD"])
def test_the_days_of_treatment_are_those_of_the_sponsor(column: str) -> None:
    """The pilot's own ADSL, of all 254 treated: an open last interval goes to the end of the study, of the six too."""
    theirs = pl.read_csv(SPONSOR, try_parse_dates=True)
    ours = subjects().filter(pl.col("SAFFL") == "Y")
    assert ours.height == theirs.height == 254
    assert differing(ours, theirs, ["USUBJID"], column).is_empty()


def test_who_was_not_treated_has_no_actual_treatment() -> None:
    """Admiral gives screen failures TRT01A = Screen Failure; ADaMIG 1.3 has it for the treatment received."""
    found = differing(subjects(), frame("adam/adsl.csv.gz"), ["USUBJID"], "TRT01A")
    assert found.select("TRT01A", "ours").unique().rows() == [("Screen Failure", None)]
    assert found.height == 52


ADAE_SAME = [
    "AETERM",
    "AEDECOD",
    "AEBODSYS",
    "AESTDTC",
    "ASTDT",
    "ASTDTF",
    "AEENDTC",
    "AENDT",
    "AENDTF",
    "ASTDY",
    "AENDY",
    "ADURN",
    "TRTEMFL",
    "AESER",
    "AESEV",
    "ASEV",
    "ASEVN",
    "AEREL",
    "AREL",
    "AEACN",
    "AEOUT",
    "AOCCIFL",
    "AESPID",
]


@pytest.mark.parametrize("column", ADAE_SAME)
def test_adae(column: str) -> None:
    events = adae(source(), AdamConventions(), subjects())
    assert events.height == 1191
    found = differing(events, frame("adam/adae.csv.gz"), ["USUBJID", "AESEQ"], column)
    if column in ("TRTEMFL", "AOCCIFL"):  # who was treated longer (TRTEDT) has more events under treatment
        assert set(found["USUBJID"]) <= set(OPEN) and set(found["ours"]) == {"Y"}
    else:
        assert found.is_empty()


def test_units_are_in_controlled_terms() -> None:
    """Admiral writes days; the CDISC term (codelist UNIT) is DAYS."""
    events = adae(source(), AdamConventions(), subjects())
    assert events["ADURU"].drop_nulls().unique().to_list() == ["DAYS"]


ADJUSTED = ("01-701-1034", "01-701-1148")
"""The other system's program sets doses of these subjects to 0, to show dose adjustments."""


@pytest.mark.parametrize("code", ["DURD", "DOSE", "TDURD", "TDOSE", "AVDDSE"])
def test_adex(code: str) -> None:
    exposures = adex(source(), AdamConventions(), subjects()).filter(pl.col("PARAMCD") == code)
    theirs = frame("adam/adex.csv.gz").filter(pl.col("PARAMCD") == code)
    found = differing(exposures, theirs, ["USUBJID", "ASTDT"], "AVAL")
    assert exposures.height == theirs.height
    assert set(found["USUBJID"]) <= {*ADJUSTED, *OPEN}
    assert found.filter(pl.col("USUBJID").is_in(OPEN))["ours"].is_null().all()
    same = exposures.filter(~pl.col("USUBJID").is_in([*ADJUSTED, *OPEN])).height
    assert same >= 240


def test_an_open_interval_is_a_finding() -> None:
    told = SdtmSource(source().domains)
    adex(told, AdamConventions(), subjects())
    assert sorted({f.patient for f in told.findings if f.field == "EXENDTC"}) == sorted(OPEN)


def test_adlb_baseline_is_the_last_value_before_treatment() -> None:
    """SDTM's LBBLFL is the scheduled screening sample; we take an unscheduled one too, if it is later."""
    values = adlb(source(), AdamConventions(), subjects())
    same = values.filter((pl.col("ABLFL") == "Y") & (pl.col("LBBLFL") == "Y")).height
    ours = values.filter((pl.col("ABLFL") == "Y") & pl.col("LBBLFL").is_null())
    assert (same, ours.height) == (8319, 840)
    lbblfl = values.filter(pl.col("LBBLFL") == "Y").select("USUBJID", "PARAMCD", pl.col("ADT").alias("marked"))
    later = ours.join(lbblfl, on=["USUBJID", "PARAMCD"])
    assert (later["ADT"] >= later["marked"]).all()
    assert (later["ADT"] <= later["TRTSDT"]).all()
    changed = values.filter(pl.col("CHG").is_not_null())
    assert ((changed["AVAL"] - changed["BASE"] - changed["CHG"]).abs() < 1e-12).all()


def laboratory(**row: object) -> pl.DataFrame:
    """The row that ADLB makes of one result."""
    return laboratory_with_findings(**row)[0]


def laboratory_with_findings(**row: object) -> tuple[pl.DataFrame, list[str]]:
    base = {
        "STUDYID": "S",
        "USUBJID": "1",
        "LBSEQ": 1,
        "LBDTC": "2013-05-12",
        "LBSTNRLO": None,
        "LBSTNRHI": None,
        "LBCAT": "CHEMISTRY",
    }
    domains = {
        "DM": pl.DataFrame({"STUDYID": ["S"], "USUBJID": ["1"], "ARM": ["A"], "ACTARM": ["A"]}),
        "EX": pl.DataFrame(
            {"STUDYID": ["S"], "USUBJID": ["1"], "EXTRT": ["X"], "EXDOSE": [5.0], "EXSTDTC": ["2013-05-10"]}
        ),
        "LB": pl.DataFrame([base | row]),
    }
    given = SdtmSource(domains)
    made = adlb(given, AdamConventions(), adsl(given, AdamConventions()))
    return made, [str(f) for f in given.findings]


@pytest.mark.parametrize(
    ("row", "low", "high"),
    [
        ({"LBTESTCD": "PLAT", "LBSTRESN": 40.0, "LBSTRESU": "GI/L", "LBSTNRLO": 150.0}, "3", None),
        ({"LBTESTCD": "ALT", "LBSTRESN": 160.0, "LBSTRESU": "U/L", "LBSTNRHI": 40.0}, None, None),
        ({"LBTESTCD": "K", "LBSTRESN": 6.2, "LBSTRESU": "mmol/L", "LBSTNRLO": 3.5, "LBSTNRHI": 5.0}, "0", "3"),
        ({"LBTESTCD": "K", "LBSTRESN": 3.2, "LBSTRESU": "mmol/L", "LBSTNRLO": 3.5, "LBSTNRHI": 5.0}, None, "0"),
        ({"LBTESTCD": "CA", "LBSTRESN": 1.6, "LBSTRESU": "mmol/L", "LBSTNRLO": 2.1, "LBSTNRHI": 2.6}, None, None),
        ({"LBTESTCD": "PH", "LBSTRESN": 6.0, "LBSTRESU": None, "LBSTNRLO": 5.0, "LBSTNRHI": 8.0}, None, None),
        ({"LBTESTCD": "GLUC", "LBSTRESN": 0.0, "LBSTRESU": "mmol/L", "LBCAT": "URINALYSIS"}, None, None),
    ],
)
def test_grade_of_a_laboratory_value(row: dict[str, object], low: str | None, high: str | None) -> None:
    """CTCAE 5.0. Not graded: ALT without its baseline, low potassium (its grade hangs on symptoms), calcium without
    albumin, pH and glucose of urine."""
    assert laboratory(**row).select("ATOXGRL", "ATOXGRH").row(0) == (low, high)


@pytest.mark.parametrize(
    ("code", "value", "unit", "limits"),
    [
        ("HGB", 14.0, "g/L", (12.0, 16.0)),
        ("SODIUM", 140.0, "mg/dL", (135.0, 145.0)),
        ("WBC", 5000.0, "10^9/L", (4000.0, 10000.0)),
        ("MG", 2.0, "mmol/L", (1.7, 2.4)),
    ],
)
def test_a_value_within_its_own_limits_has_no_grade_by_a_wrong_unit(
    code: str, value: float, unit: str, limits: tuple[float, float]
) -> None:
    """By the unit they would be grades 3, 4, 3 and 3; by the limits beside them they are g/dL, mmol/L, /uL and mg/dL."""
    made, told = laboratory_with_findings(
        LBTESTCD=code, LBSTRESN=value, LBSTRESU=unit, LBSTNRLO=limits[0], LBSTNRHI=limits[1]
    )
    assert made.select("ATOXGRL", "ATOXGRH").row(0) == (None, None)
    assert [f for f in told if f.startswith(f"LBSTRESU of {code}: is {unit!r} of 1 results that lie within")]


def test_a_unit_that_a_test_does_not_have_is_named() -> None:
    made, told = laboratory_with_findings(LBTESTCD="K", LBSTRESN=4.1, LBSTRESU="g/L", LBSTNRLO=3.5, LBSTNRHI=5.0)
    assert made.select("ATOXGRL", "ATOXGRH").row(0) == (None, None)
    assert told == ["LBSTRESU of K: is 'g/L' of 1 results; no grade is given: known are meq/l, mg/dl, mmol/l"]


def test_a_value_below_what_is_measured_is_graded_where_the_grade_is_certain() -> None:
    """Neutrophils below 0.1 x 10^9/L are grade 4 (below 0.5); below 1.2 they may be of any grade from 2 on."""
    row = {"LBTESTCD": "NEUT", "LBSTRESN": None, "LBSTRESU": "10^9/L", "LBSTNRLO": 1.5, "LBSTNRHI": 7.0}
    for text, low in (("<0.1", "4"), ("<1.2", None)):
        assert laboratory(**row, LBSTRESC=text)["ATOXGRL"].to_list() == [low]


def test_calcium_is_graded_as_corrected() -> None:
    """Grade 1 below the lower limit, 2 below 2.0 mmol/L, of calcium + 0.02 mmol/L for each g/L of albumin below 40."""
    values = adlb(source(), AdamConventions(), subjects())
    rows = values.filter((pl.col("PARAMCD") == "CA") & pl.col("ATOXGRL").is_not_null())
    albumin = values.filter(pl.col("PARAMCD") == "ALB").select("USUBJID", "ADT", pl.col("AVAL").alias("albumin"))
    joined = rows.join(albumin.unique(["USUBJID", "ADT"], keep="none"), on=["USUBJID", "ADT"])
    corrected = joined["AVAL"] + 0.02 * (40 - joined["albumin"])
    expected = (corrected < joined["ANRLO"] - 1e-9).cast(pl.Int64) + (corrected < 2.0 - 1e-9).cast(pl.Int64)
    assert joined.height > 1700
    assert (joined["ATOXGRL"].cast(pl.Int64) == expected).mean() == 1


def test_nothing_of_urine_is_graded() -> None:
    values = adlb(source(), AdamConventions(), subjects())
    assert values.filter(pl.col("LBCAT") == "URINALYSIS")["ATOXGRL"].is_null().all()
    assert values["ATOXGRL"].drop_nulls().len() > 10000


def test_columns_and_types_are_the_standards() -> None:
    made = dataset_of(standard("adam"), "ADAE", adae(source(), AdamConventions(), subjects()))
    assert made.label == "Adverse Events Analysis Dataset"
    assert made.frame.columns[:3] == ["STUDYID", "USUBJID", "AESEQ"]
    assert made.variable("ASTDT").format == "DATE9."
    assert made.variable("AETERM").length == made.frame["AETERM"].str.len_bytes().max()
    exposures = dataset_of(standard("adam"), "ADEX", adex(source(), AdamConventions(), subjects()))
    assert set(exposures.frame["PARCAT1"]) == {"INDIVIDUAL", "OVERALL"}


def test_partial_dates_in_doubt_are_emergent() -> None:
    domains = {
        "DM": pl.DataFrame({"STUDYID": ["S"], "USUBJID": ["1"], "AGE": [60], "ARM": ["A"], "ACTARM": ["A"]}),
        "EX": pl.DataFrame(
            {
                "STUDYID": ["S"],
                "USUBJID": ["1"],
                "EXSEQ": [1],
                "EXTRT": ["X"],
                "EXDOSE": [5.0],
                "EXSTDTC": ["2013-05-10"],
            }
        ),
        "AE": pl.DataFrame(
            {
                "STUDYID": ["S"] * 4,
                "USUBJID": ["1"] * 4,
                "AESEQ": [1, 2, 3, 4],
                "AETERM": ["a", "b", "c", "d"],
                "AESTDTC": ["2013-05", "2013-04", "2013", "2013-02-30"],
            }
        ),
    }
    given = SdtmSource(domains).at(date(2013, 6, 1))
    events = adae(given, AdamConventions(), adsl(given, AdamConventions()))
    assert events.select("ASTDT", "ASTDTF", "TRTEMFL").rows() == [
        (date(2013, 5, 10), "D", "Y"),
        (date(2013, 4, 1), "D", None),
        (date(2013, 5, 10), "M", "Y"),
        (None, None, "Y"),
    ]
    assert [str(f) for f in given.findings] == [
        "patient 1, AESTDTC: '2013-02-30' is impossible: February 2013 has 28 days; not used"
    ]


def test_the_order_of_rows_never_matters() -> None:
    shuffled = SdtmSource(
        {name: each.sample(fraction=1, shuffle=True, seed=3) for name, each in source().domains.items()}
    )
    for derive, name in ((adae, "ADAE"), (adex, "ADEX")):
        one = dataset_of(standard("adam"), name, derive(source(), AdamConventions(), subjects())).frame
        other = dataset_of(
            standard("adam"),
            name,
            derive(shuffled, AdamConventions(), adsl(shuffled, AdamConventions(), ADMIRAL_ALIVE)),
        ).frame
        assert one.equals(other)


def test_nothing_after_the_cutoff_leaks_in(tmp_path: Path) -> None:
    cutoff = date(2013, 12, 31)
    made = analyse(SdtmSource(source().domains).at(cutoff), AdamConventions())
    assert conform_datasets({d.name: d for d in made.datasets}) == []
    for dataset in made.datasets:
        dates = [v.name for v in dataset.variables if v.type == "date"]
        assert all((dataset.frame[name].max() or cutoff) <= cutoff for name in dates)
    whole = analyse(SdtmSource(source().domains), AdamConventions())
    assert made.datasets[1].frame.height < whole.datasets[1].frame.height
    ongoing = made.datasets[0].frame.filter(pl.col("EOSSTT") == "ONGOING").height
    assert ongoing > whole.datasets[0].frame.filter(pl.col("EOSSTT") == "ONGOING").height


def test_the_commands(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from posology.cli.app import app

    run = CliRunner().invoke
    args = ["submission", "adam", str(DATA / "sdtm"), str(tmp_path / "adam"), "--leave-out", "rs_onco"]
    given = run(app, [*args, "--format", "xpt", "--format", "json"])
    assert given.exit_code == 0, given.output
    names = ("adae", "adex", "adlb", "adrs", "adsl", "adtr", "adtte")
    assert sorted(p.name for p in (tmp_path / "adam").iterdir()) == [
        f"{n}.{f}" for n in names for f in ("json", "xpt")
    ] + ["define.xml"]
    checked = run(app, ["submission", "conform", str(tmp_path / "adam"), "--json"])
    assert (checked.exit_code, checked.output.strip()) == (0, "[]")
    for name in ("adsl", "adrs", "adtte"):
        assert read_dataset(tmp_path / f"adam/{name}.json").frame.equals(
            read_dataset(tmp_path / f"adam/{name}.xpt").frame
        )


def test_a_domain_in_several_files_is_one_and_told_if_its_rows_repeat() -> None:
    read = read_folder(DATA / "sdtm")
    domains, findings = read.domains, read.findings
    assert domains["RS"].height == 5808 + 66
    assert [str(f) for f in findings] == [
        "RSSEQ: is not unique in a subject; 2 datasets are one domain; if they are versions of one, leave one out"
    ]
    with pytest.raises(ValueError, match="holds no dataset qs to leave out"):
        read_folder(DATA / "sdtm", ["qs"])


def test_a_folder_is_read_once_and_written_whole(tmp_path: Path) -> None:
    """A dataset in two formats is refused, not doubled; a folder that holds something is not written into."""
    (tmp_path / "dm.csv").write_text("STUDYID,USUBJID,SUBJID,ARM,ACTARM\nS,1,1,A,A\n")
    export(read_folder(tmp_path), tmp_path / "out", AdamConventions())
    with pytest.raises(FileExistsError, match="is not empty: give a new folder"):
        export(read_folder(tmp_path), tmp_path / "out", AdamConventions())
    (tmp_path / "dm.csv.gz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"dm.csv and dm.csv.gz hold the same dataset"):
        read_folder(tmp_path)
    with pytest.raises(ValueError, match="is no folder"):
        read_folder(tmp_path / "nowhere")


def test_parameters_of_profiles_are_cut_by_the_dose_they_follow() -> None:
    domains = {
        "DM": pl.DataFrame({"STUDYID": ["S"], "USUBJID": ["1"], "ARM": ["A"], "ACTARM": ["A"]}),
        "PP": pl.DataFrame(
            {
                "STUDYID": ["S"] * 2,
                "USUBJID": ["1"] * 2,
                "PPSEQ": [1, 2],
                "PPTESTCD": ["CMAX"] * 2,
                "PPTEST": ["Max Conc"] * 2,
                "PPSTRESN": [1.0, 2.0],
                "PPRFTDTC": ["2013-05-10T09:00", "2013-05-31T09:00"],
                "PPDTC": ["2014-01-01"] * 2,
            }
        ),
    }
    made = analyse(SdtmSource(domains).at(date(2013, 5, 20)), AdamConventions())
    assert [(d.name, d.frame["AVAL"].to_list()) for d in made.datasets[1:]] == [("ADPP", [1.0])]


def test_a_variable_that_everything_needs_is_missed() -> None:
    """EXDOS for EXDOSE leaves nobody dosed: that is said."""
    key = {"STUDYID": ["S"], "USUBJID": ["1"]}
    domains = {
        "DM": pl.DataFrame({**key, "ARM": ["A"], "ACTARM": ["A"]}),
        "EX": pl.DataFrame({**key, "EXTRT": ["D"], "EXDOS": [5.0], "EXSTDTC": ["2024-01-10"]}),
    }
    made = analyse(SdtmSource(domains), AdamConventions())
    assert [str(f) for f in made.findings] == ["EX.EXDOSE: is not there; what needs it is not derived"]
    assert made.datasets[0].frame["SAFFL"].to_list() == ["N"]
