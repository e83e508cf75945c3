"""Studies: read with every error, the same to the last bit however they are run, resumed, on Dask too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.designs import Boin
from posology.operating import enumerate_trials
from posology.operating.study import BATCH, Study, read_study, run_study, summary, tasks
from posology.shared.yaml_files import InputFileError

TEXT = """
study: a small one
levels: 3
target: 0.3
seed: 7
designs:
  - {method: 3+3}
  - {name: short, method: boin, max_patients: 12}
  - {name: stopped, method: boin, rules: [{rule: stop at, patients: 6}]}
  - {method: tite-boin, max_patients: 12}
scenarios:
  - {name: one, truth: [0.1, 0.3, 0.5]}
  - {name: some, family: pseudo-uniform, count: 3}
simulate: {trials: 2500, accrual: 0.1}
"""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    path = tmp_path / "study.yaml"
    path.write_text(TEXT)
    return read_study(path)


def test_results(study: Study, tmp_path: Path) -> None:
    table = run_study(study, tmp_path / "tasks", workers=1)
    rows = {(r["design"], r["scenario"], r["number"]): r for r in table.rows()}
    assert len(rows) == 4 * 4
    exact = enumerate_trials(Boin(3, 0.3, max_patients=12)).characteristics([0.1, 0.3, 0.5])
    row = rows["short", "one", 1]
    assert row["method"] == "exact"
    assert row["select 2"] == pytest.approx(exact.selection[0, 2], rel=1e-12)
    assert row["correct"] == pytest.approx(exact.correct(0.3)[0], rel=1e-12)
    assert rows["tite-boin", "one", 1]["method"] == "2,500 trials"
    assert 0 < rows["tite-boin", "one", 1]["± correct"] < 0.02
    assert rows["tite-boin", "one", 1]["days"] > 0
    short = summary(table)
    assert [r["of"] for r in short.rows()] == [1, 3] * 4
    some = [rows["short", "some", k]["correct"] for k in (1, 2, 3)]
    assert short.rows()[3]["correct"] == pytest.approx(np.mean(some))


def test_the_same_whatever_the_workers_and_when_resumed(study: Study, tmp_path: Path) -> None:
    one = run_study(study, tmp_path / "one", workers=1).to_csv()
    assert run_study(study, tmp_path / "two", workers=2).to_csv() == one
    calls: list[tuple[int, int]] = []
    for k, file in enumerate(sorted((tmp_path / "one").glob("*.json"))):
        if k % 2:
            file.unlink()
    assert (
        run_study(study, tmp_path / "one", workers=1, progress=lambda done, of: calls.append((done, of))).to_csv()
        == one
    )
    assert calls[0][0] == len(tasks(study)) - len(tasks(study)) // 2
    assert calls[-1] == (len(tasks(study)), len(tasks(study)))


def test_on_a_cluster(study: Study, tmp_path: Path) -> None:
    distributed: Any = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = run_study(study, tmp_path / "dask", scheduler=cluster.scheduler_address).to_csv()
    assert found == run_study(study, tmp_path / "one", workers=1).to_csv()


def test_no_scheduler_is_told(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    import posology.operating.study as module

    monkeypatch.setattr(module, "POLL_SECONDS", 0.5)
    with pytest.raises(ValueError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_study(study, tmp_path / "dask", scheduler="tcp://127.0.0.1:9")


def test_batches_and_common_patients(study: Study) -> None:
    """A scenario's patients depend on its name and the seed, not on its place; the last batch is what is left."""
    work = [t for t in tasks(study) if t.batch is not None]
    assert [t.batch for t in work if t.scenario == 0] == list(range(-(-2500 // BATCH)))
    assert len({t.key for t in tasks(study)}) == len(tasks(study))


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("{method: 3+3}", "{method: 3+4}", "designs.1.method: is '3+4'; did you mean 3+3?"),
        ("max_patients: 12}\n  - {name: stopped", "max_patient: 12}\n  - {name: stopped", "did you mean max_patients?"),
        ("rule: stop at", "rule: stop add", "did you mean stop at?"),
        ("[0.1, 0.3, 0.5]", "[0.1, 0.3]", "truth needs 3 rates"),
        ("target: 0.3", "target: 3", "less than 1"),
        ("family: pseudo-uniform", "family: pseudo", "pseudo-uniform"),
        ("name: short", "name: stopped", "two designs have one name"),
        ("study: a small one", "stdy: a small one", "study"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(was: str, now: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    assert was in TEXT
    path.write_text(TEXT.replace(was, now))
    with pytest.raises(InputFileError) as error:
        read_study(path)
    assert said in str(error.value)
    assert all(f.line > 0 for f in error.value.findings)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="does not exist; give the path of a study file"):
        read_study(tmp_path / "none.yaml")


def test_backfilling_without_response_rates_is_told_on_reading(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    lines = [
        "study: one",
        "levels: 3",
        "target: 0.3",
        "designs:",
        "- method: bf-boin",
        "scenarios:",
        "- {name: a, truth: [0.1, 0.3, 0.5]}",
    ]
    path.write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"give simulate\.response"):
        read_study(path)
    path.write_text("\n".join([*lines, "simulate: {trials: 100, response: [0.2, 0.3, 0.4]}"]))
    assert read_study(path).simulate.response == (0.2, 0.3, 0.4)
