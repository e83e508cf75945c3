"""Each table and figure is declared once; page, data and CSV walk the same lists."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from posology.conduct.trial import Trial
from posology.readout.figures import FIGURES, figures
from posology.readout.figures.patient_marks import MAX_PATIENTS, spread_evenly
from posology.readout.readout import make_readout
from posology.readout.results.times_to_event import ENDPOINTS
from posology.readout.results.trial_results import TrialResults, trial_results
from posology.readout.tables import TABLES
from posology.readout.write import write_readout
from posology.record.snapshot import take_snapshot

DOCS = Path(__file__).parents[2] / "docs/readout.md"


@pytest.fixture
def results(imgn853: Trial) -> TrialResults:
    return trial_results(take_snapshot(imgn853.events(), date(2013, 6, 14)))


def test_names_are_given_once_and_the_docs_know_them() -> None:
    for kinds in (TABLES, FIGURES):
        assert len({kind.name for kind in kinds}) == len(kinds)
        assert all(re.fullmatch(r"[a-z0-9_]+", kind.name) and kind.title for kind in kinds)
    text = DOCS.read_text(encoding="utf-8")
    assert [kind.name for kind in (*TABLES, *FIGURES) if f"`{kind.name}`" not in text] == []
    assert {kind.name for kind in ENDPOINTS} <= {kind.name for kind in TABLES}


def test_page_data_and_csv_have_the_same_tables(imgn853: Trial, tmp_path: Path) -> None:
    readout = make_readout(take_snapshot(imgn853.events(), date(2013, 6, 14)))
    write_readout(readout, tmp_path / "out")
    names = [table.name for table in readout.tables]
    page = (tmp_path / "out/readout.html").read_text(encoding="utf-8")
    assert names == [kind.name for kind in TABLES if kind.name in names]
    assert list(json.loads((tmp_path / "out/readout.json").read_text())["tables"]) == names
    assert {path.stem for path in (tmp_path / "out/tables").iterdir()} == set(names)
    assert [name for name in names if f'<section id="{name}">' not in page] == []


def test_a_table_has_a_cell_for_each_column(results: TrialResults) -> None:
    for kind in TABLES:
        table = kind.of(results)
        assert all(len(row) == len(table.columns) for row in table.rows), kind.name


def test_figures_come_in_order_with_words(results: TrialResults) -> None:
    drawn = figures(results)
    assert [figure.name for figure in drawn] == [kind.name for kind in FIGURES]
    assert all(figure.caption and figure.chart["config"]["font"] for figure in drawn)


def test_nobody_has_no_figure(trial: Trial) -> None:
    assert figures(trial_results(take_snapshot(trial.events(), date(2030, 1, 1)))) == []


def test_whom_a_figure_leaves_out_is_said(results: TrialResults) -> None:
    one = results.courses[0]
    many = [one] * 1000
    drawn, said = spread_evenly(many, "best change", "responses")
    assert len(drawn) == MAX_PATIENTS
    assert said.startswith(" Drawn: 120 of 1,000 patients")
    assert "tables/responses.csv" in said
    assert spread_evenly(many[:MAX_PATIENTS], "best change", "responses") == (many[:MAX_PATIENTS], "")
    ends, _ = spread_evenly(list(range(500)), "x", "y", most=7)  # type: ignore[arg-type]
    assert (ends[0], ends[-1], len(set(map(id, ends)))) == (0, 499, 7)
