"""Made-up cases of SDTM, each with one trap, and what is right for it (tests/data/cases)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from posology.cli.app import app
from posology.interchange.adam.analysis import Analysis, analyse, export, read_folder
from posology.interchange.adam.source import PRESETS, SdtmSource
from posology.interchange.datasets.formats import read_dataset

CASES = Path(__file__).parents[2] / "data/cases"


def derived(case: str, preset: str = "recist") -> tuple[dict[str, pl.DataFrame], Analysis]:
    domains = read_folder(CASES / case / "sdtm").domains
    made = analyse(SdtmSource(domains), PRESETS[preset])
    return {d.name: d.frame for d in made.datasets}, made


def column(frame: pl.DataFrame, name: str, **where: Any) -> list[Any]:
    return frame.filter(pl.col(k) == v for k, v in where.items())[name].to_list()


def test_an_event_does_not_begin_after_its_own_end() -> None:
    """A start known in part lies not after the end: events that ended before the first dose are not emergent."""
    events = derived("a1_ae_start_after_its_end")[0]["ADAE"].sort("AESEQ")
    assert events["ASTDT"].to_list() == [date(2025, 3, 1), date(2025, 1, 1), None, date(2025, 3, 12)]
    assert events["TRTEMFL"].to_list() == [None, None, None, "Y"]
    assert events["ADURN"].min() >= 1  # type: ignore[operator]


def test_what_was_taken_after_the_dose_is_no_baseline() -> None:
    values = derived("a2_baseline_after_dose")[0]["ADLB"].sort("LBSEQ")
    assert column(values, "AVAL", ABLFL="Y") == [205] and set(values["BASE"]) == {205}
    assert values["CHG"].to_list() == [None, None, -65, -85]


def test_an_open_interval_goes_to_the_end_of_treatment() -> None:
    frames = derived("a3_treatment_end_before_last_dose")[0]
    assert frames["ADSL"]["TRTEDT"].to_list() == [date(2025, 6, 20)]
    assert frames["ADAE"]["TRTEMFL"].to_list() == ["Y"]


def test_without_an_end_of_treatment_it_goes_on() -> None:
    domains = read_folder(CASES / "a3_treatment_end_before_last_dose/sdtm").domains
    made = analyse(SdtmSource({name: frame for name, frame in domains.items() if name != "DS"}), PRESETS["recist"])
    frames = {d.name: d.frame for d in made.datasets}
    assert frames["ADSL"]["TRTEDT"].to_list() == [date(2025, 4, 2)]
    assert frames["ADAE"]["TRTEMFL"].to_list() == ["Y"]


def test_a_baseline_is_normal_by_the_limits_of_its_own_laboratory() -> None:
    """CTCAE 5: from a normal baseline, 118 U/L is more than 3 x 38: grade 2."""
    values = derived("l1_baseline_of_another_laboratory")[0]["ADLB"].sort("LBSEQ")
    assert values["BNRIND"].to_list() == ["NORMAL", "NORMAL"] and values["ATOXGRH"].to_list() == ["0", "2"]


def test_eosinophilia_has_a_grade_by_value() -> None:
    graded = derived("l2_eosinophilia")[0]["ADLB"].sort("LBSEQ")
    assert graded["ATOXGRH"].to_list()[-1] == "1"


def test_disease_after_complete_response_is_progression_in_every_table() -> None:
    frames = derived("r1_disease_after_cr")[0]
    times = frames["ADTTE"]
    assert column(times, "ADT", USUBJID="CASE-01-009", PARAMCD="PFS", CNSR=0) == [date(2025, 5, 13)]
    assert column(times, "AVAL", USUBJID="CASE-01-009", PARAMCD="PFS") == [128]
    assert column(times, "AVAL", USUBJID="CASE-01-009", PARAMCD="RSD", CNSR=0) == [85]
    assert column(times, "AVAL", USUBJID="CASE-01-010", PARAMCD="PFS", CNSR=0) == [46]
    assert column(frames["ADRS"], "ADT", USUBJID="CASE-01-009", PARAMCD="PD") == [date(2025, 5, 13)]
    assert column(frames["ADRS"], "AVALC", USUBJID="CASE-01-010", PARAMCD="CBOR") == ["PD"]


def test_other_criteria_are_not_taken_for_recist() -> None:
    frames, made = derived("r2_imwg_is_not_recist")
    responses = frames.get("ADRS", pl.DataFrame({"PARAMCD": []}))
    assert not {"BOR", "CBOR", "OVR"} & set(responses["PARAMCD"])
    assert "RSCAT: is IMWG of 6 responses" in " ".join(map(str, made.findings))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_trial_without_randomisation_works_under_every_rule_set(preset: str) -> None:
    frames, made = derived("r3_not_randomised", preset)
    assert column(frames["ADTTE"], "AVAL", PARAMCD="PFS") == [86]
    assert any("nobody was randomised" in f.wrong for f in made.findings) == (preset == "admiralonco")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_trial_before_the_first_dose_works_too(preset: str, tmp_path: Path) -> None:
    domains = read_folder(CASES / "r3_not_randomised/sdtm").domains
    files, made = export(
        SdtmSource({**domains, "EX": domains["EX"].clear()}), tmp_path / "new/adam", PRESETS[preset], ("xpt", "json")
    )
    assert {d.name: d.frame.height for d in made.datasets}["ADSL"] == 1
    assert sorted(f.name for f in files) == sorted(f.name for f in (tmp_path / "new/adam").iterdir())


def test_merged_and_split_lesions_are_the_lesions_they_were() -> None:
    """22 + 17 mm merged into 52: +33 % and +13 mm; 44 mm split into 16 + 13: -34 %."""
    frames, made = derived("r4_merged_and_split_lesions")
    assert column(frames["ADRS"], "AVALC", PARAMCD="OVR", USUBJID="CASE-01-018") == ["PD"]
    assert column(frames["ADRS"], "AVALC", PARAMCD="OVR", USUBJID="CASE-01-019") == ["PR"]
    sums = frames["ADTR"].filter(pl.col("PARAMCD") == "SDIAM").sort("USUBJID", "ADT")
    assert sums["AVAL"].to_list() == [39, 52, 44, 29]
    assert not [f for f in made.findings if f.field.startswith("T")]


def test_na_as_r_writes_it_is_missing() -> None:
    frames, made = derived("f1_csv_na")
    assert frames["ADLB"]["AVAL"].to_list() == [139] and not made.findings


def test_text_among_numbers_costs_a_finding_and_that_value() -> None:
    domains = read_folder(CASES / "a2_baseline_after_dose/sdtm").domains
    texts = domains["LB"].with_columns(pl.Series("LBSTRESN", ["210", "high", "140", "120"]))
    made = analyse(SdtmSource({**domains, "LB": texts}), PRESETS["recist"])
    values = next(d.frame for d in made.datasets if d.name == "ADLB").sort("LBSEQ")
    assert values["AVAL"].to_list() == [210, None, 140, 120]
    assert [str(f) for f in made.findings if "LBSTRESN" in f.field] == [
        "patient CASE-01-003, LB.LBSTRESN: is 'high', no number; the value is not used"
    ]


def test_nothing_is_left_behind_where_a_dataset_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domains = read_folder(CASES / "r1_disease_after_cr/sdtm").domains

    def full(*_: Any, **__: Any) -> Path:
        raise OSError("no space left")

    monkeypatch.setattr("posology.interchange.adam.analysis.write_define", full)
    with pytest.raises(OSError, match="no space"):
        export(SdtmSource(domains), tmp_path / "adam", PRESETS["recist"])
    assert not list(tmp_path.iterdir())


def test_a_new_therapy_ends_what_counts_as_response() -> None:
    """Without it the response of 1 April is confirmed; a therapy that began on 1 March ends it, in ADRS and ADTTE
    alike."""
    domains = read_folder(CASES / "r1_disease_after_cr/sdtm").domains
    subject = domains["DM"].filter(pl.col("USUBJID").str.ends_with("009"))
    therapy = subject.select(
        "STUDYID", "USUBJID", CMTRT=pl.lit("OTHERMAB"), CMCAT=pl.lit("ANTI-CANCER THERAPY"), CMSTDTC=pl.lit("2025-03")
    )
    made = analyse(SdtmSource({**domains, "CM": therapy}), PRESETS["recist"])
    frames = {d.name: d.frame for d in made.datasets}
    who = {"USUBJID": "CASE-01-009"}
    assert column(frames["ADRS"], "AVALC", PARAMCD="CRSP", **who) == ["N"]
    assert column(frames["ADRS"], "AVALC", PARAMCD="PD", **who) == ["N"]
    assert column(frames["ADTTE"], "EVNTDESC", PARAMCD="PFS", **who) == ["Last Assessment Before New Therapy"]
    assert not column(frames["ADTTE"], "ADT", PARAMCD="RSD", **who)
    kept = analyse(
        SdtmSource({**domains, "CM": therapy}), replace(PRESETS["recist"], censoring=PRESETS["admiralonco"].censoring)
    )
    assert column({d.name: d.frame for d in kept.datasets}["ADRS"], "AVALC", PARAMCD="PD", **who) == ["Y"]


def test_the_options_of_the_endpoints_are_on_the_command(tmp_path: Path) -> None:
    """Confirmed after 28 days; asked to wait 50, the response of 42 days later confirms nothing."""
    run = CliRunner().invoke
    folder = str(CASES / "r1_disease_after_cr/sdtm")
    answers = []
    for options in ([], ["--confirmation-days", "50"]):
        out = tmp_path / str(len(answers))
        done = run(app, ["submission", "adam", folder, str(out), "--format", "json", *options])
        assert done.exit_code == 0, done.output
        answers.append(
            read_dataset(out / "adrs.json")
            .frame.filter((pl.col("USUBJID") == "CASE-01-009") & (pl.col("PARAMCD") == "CRSP"))["AVALC"]
            .to_list()
        )
    assert answers == [["Y"], ["N"]]
    refused = run(app, ["submission", "adam", folder, str(tmp_path / "r"), "--reader", "independent assessor"])
    assert refused.exit_code != 0 and not (tmp_path / "r").exists()
