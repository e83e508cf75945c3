"""The readout of the worked example: its numbers, its sources, and the same bytes again after corrections."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.csv_import import load
from posology.conduct.trial import Trial
from posology.readout.claims import ClaimsError, read_claims
from posology.readout.readout import make_readout
from posology.readout.summary import summarise
from posology.readout.write import ReadoutError, write_readout
from posology.record import facts as f
from posology.record.snapshot import SnapshotError, take_snapshot
from tests.conftest import EXAMPLE, Clock, treat

FIRST, SECOND = date(2013, 5, 10), date(2013, 6, 14)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def written(imgn853_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("readout") / "first"
    with Trial.open(imgn853_file) as trial:
        made = make_readout(take_snapshot(trial.events(), FIRST), read_claims(EXAMPLE / "claims.yaml"))
    write_readout(made, out)
    return out, json.loads((out / "readout.json").read_text(encoding="utf-8"))


def test_numbers(written: tuple[Path, dict[str, Any]]) -> None:
    _, data = written
    assert (data["patients_treated"], data["dose_min"], data["dose_max"], data["dose_unit"]) == (18, 0.15, 7.0, "mg/kg")
    assert data["mtd"] is None
    assert [(d["patient"], d["assigned_level"], d["grade"], d["resolved"]) for d in data["dlts"]] == [
        ("0401-013", 7, 3, True)
    ]
    assert "epithelial corneal changes" in data["dlts"][0]["term"]
    best = {
        r["patient"]: (r["best"], r["confirmation"], r["ca125_response"], r["stable_weeks"]) for r in data["responses"]
    }
    assert best["0401-005"] == ("SD", None, "confirmed", 18.0)
    assert best["0401-010"] == ("PR", "awaiting confirmation", "not applicable", None)
    assert best["0401-013"] == ("PR", "awaiting confirmation", "awaiting confirmation", None)


def test_claims(written: tuple[Path, dict[str, Any]]) -> None:
    _, data = written
    verdicts = [c["holds"] for c in data["claims"]]
    assert (verdicts.count(True), verdicts.count(False), verdicts.count(None)) == (30, 0, 18)
    assert all(c["evidence"] for c in data["claims"] if c["holds"])
    assert set(data["claims"][0]) == {"id", "text", "holds", "found", "evidence", "mark"}


def test_every_number_has_its_events(written: tuple[Path, dict[str, Any]], imgn853: Trial) -> None:
    _, data = written
    known = {e.seq for e in imgn853.events()}
    assert set(data["sources"]["patients_treated"]) == {
        p.doses[0].seq for p in imgn853.state(FIRST).patients.values() if p.doses
    }
    cells = [cell for table in data["tables"].values() for row in table["rows"] for cell in row]
    assert len(cells) > 500
    assert all(set(cell["events"]) <= known for cell in cells)
    # What has no event rests on the protocol (levels, doses, names) or says that there is nothing.
    assert {cell["text"] for cell in cells if not cell["events"]} <= {"–", *map(str, range(1, 8))} | {
        f"{d} mg/kg" for d in (0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0)
    } | {f"0401-{k:03}" for k in range(1, 19)}


def test_what_is_assumed_is_marked(written: tuple[Path, dict[str, Any]]) -> None:
    out, data = written
    assert data["reconstructed"] is True
    assert data["marks"]["patients_treated"] == "assumed"
    page = (out / "readout.html").read_text(encoding="utf-8")
    assert "A reconstruction, not the trial's data." in page
    cells = [cell for table in data["tables"].values() for row in table["rows"] for cell in row if cell["events"]]
    assert all(cell["mark"] in ("stated", "published", "assumed") for cell in cells)


def test_the_page_needs_no_network(written: tuple[Path, dict[str, Any]]) -> None:
    page = (written[0] / "readout.html").read_text(encoding="utf-8")
    for outside in ('src="http', 'href="http', "@import", "url(http", "fetch(", "<script src", "<link"):
        assert outside not in page
    assert page.count("<svg") == 7


def test_the_page_uses_only_names_that_it_declares(written: tuple[Path, dict[str, Any]]) -> None:
    """Each object of which the page's script calls something is one that it declared, or the browser's."""
    import re

    page = (written[0] / "readout.html").read_text(encoding="utf-8")
    script = page[page.rindex("<script>") : page.rindex("</script>")]
    used = set(re.findall(r"(?<![\w.\"”])([a-z]\w*)\.\w", script))
    declared = set(re.findall(r"\b(?:const|let|of)\s+(\w+)", script)) | set(re.findall(r",\s*(\w+) = ", script))
    declared |= set(re.findall(r"(\w+) =>", script))
    assert {"button", "panel"} <= used
    assert used <= declared | {"document"}


def test_figures_and_tables(written: tuple[Path, dict[str, Any]]) -> None:
    found = set(files(written[0]))
    figures = {
        "escalation",
        "swimmer",
        "waterfall",
        "spider",
        "ca125",
        "km_progression_free_survival",
        "km_time_on_treatment",
    }
    assert {f"figures/{name}.{kind}" for name in figures for kind in ("svg", "png")} <= found
    assert {
        "readout.html",
        "readout.json",
        "tables/dlts.csv",
        "tables/responses.csv",
        "tables/adverse_events.csv",
    } <= found
    header, row = (written[0] / "tables/dlts.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("Patient,Assigned,Term,Grade")
    assert "events: Grade" in header
    assert row.startswith("0401-013,7.0 mg/kg")


def test_a_past_readout_is_reproduced_to_the_byte(
    written: tuple[Path, dict[str, Any]], imgn853_document: dict[str, Any], tmp_path: Path
) -> None:
    """The first readout made when only what came before its lock was recorded, and again after more and a
    correction."""
    rows = (EXAMPLE / "events.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    lock = next(i for i, row in enumerate(rows) if row.startswith("cutoff_locked"))
    (tmp_path / "until.csv").write_text("".join(rows[: lock + 1]), encoding="utf-8")
    claims = read_claims(EXAMPLE / "claims.yaml")
    with Trial.create(
        tmp_path / "t.posology",
        imgn853_document,
        by="sponsor",
        on=date(2012, 6, 1),
        recorded=datetime(2012, 6, 1, 8, tzinfo=UTC),
    ) as trial:
        load(trial, tmp_path / "until.csv", by="loader", protocol=imgn853_document)
        assert len(trial.events()) == lock + 1
        write_readout(make_readout(take_snapshot(trial.events(), FIRST), claims), tmp_path / "then")
    assert files(tmp_path / "then") == files(written[0])


def test_the_second_readout_knows_more(imgn853: Trial) -> None:
    """The endometrial response was not confirmed, the other was; an adverse event was corrected in between."""
    first, second = (summarise(make_readout(take_snapshot(imgn853.events(), cutoff))) for cutoff in (FIRST, SECOND))
    best = {r["patient"]: (r["best"], r["confirmation"]) for r in second["responses"]}
    assert best["0401-010"] == ("SD", "response not confirmed")
    assert best["0401-013"] == ("PR", "confirmed")
    assert second["mtd"] is None
    assert second["advice"]["action"] == "declare MTD"
    grade = lambda data: [c["text"] for c in data["tables"]["adverse_events"]["rows"][0]]
    assert grade(first)[1:4] == ["5.0 mg/kg", "1", "0"]
    assert grade(second)[1:4] == ["5.0 mg/kg", "0", "1"]
    assert second["corrections"]


def test_nothing_after_the_cutoff_leaks_in(imgn853: Trial) -> None:
    made = make_readout(take_snapshot(imgn853.events(), FIRST))
    effective = [e for p in made.snapshot.state.patients.values() for e in p.events] + list(
        made.snapshot.state.trial.events
    )
    assert max(e.occurred for e in effective) <= FIRST
    assert max(e.seq for e in effective) <= made.snapshot.head.seq


def test_writing_is_whole_or_not_at_all(imgn853: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_readout(take_snapshot(imgn853.events(), FIRST))
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(ReadoutError, match="holds something else"):
        write_readout(made, other)
    assert files(other) == {"thesis.txt": b"precious"}
    write_readout(made, tmp_path / "out")
    before = files(tmp_path / "out")
    monkeypatch.setattr("posology.readout.write.page", lambda *_: (_ for _ in ()).throw(RuntimeError("power cut")))
    with pytest.raises(RuntimeError):
        write_readout(made, tmp_path / "out")
    assert files(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["imgn853.posology", "other", "out"]


def test_a_readout_before_the_trial(imgn853: Trial) -> None:
    with pytest.raises(SnapshotError, match="after the cutoff 2012-01-01"):
        take_snapshot(imgn853.events(), date(2012, 1, 1))


def test_a_trial_with_nobody_in_it(trial: Trial, tmp_path: Path) -> None:
    made = make_readout(take_snapshot(trial.events(), date(2030, 1, 1)))
    write_readout(made, tmp_path / "out")
    data = json.loads((tmp_path / "out/readout.json").read_text())
    assert (data["patients_treated"], data["dose_min"], data["mtd"], data["reconstructed"]) == (0, None, None, False)


def test_an_override_is_shown(trial: Trial, clock: Clock, tmp_path: Path) -> None:
    treat(trial, "001", 1)
    trial.record(
        f.DoseReduced(to_level=1, why="error"),
        patient="001",
        by="Dr M",
        override="to-a-defined-lower-level: agreed with the sponsor",
    )
    write_readout(make_readout(take_snapshot(trial.events(), date(2030, 1, 1))), tmp_path / "out")
    page = (tmp_path / "out/readout.html").read_text(encoding="utf-8")
    assert "agreed with the sponsor" in page
    assert "001 is at level 1; 1 is not lower" in page


FALSE_CLAIMS = """
- {id: A, text: nineteen, measure: patients_treated, is: 19}
- {id: B, text: nobody, measure: assigned_dose, patient: "0401-099", is: 1.0}
- {id: C, text: both, all: [{measure: patients_treated, is: 18}, {measure: dose_rank, dose: 5.0, is: 1}]}
- {id: D, text: completed, measure: cycles_at_response, patient: "0401-010", counted: completed, is: 4}
"""


def test_a_false_claim_gets_the_true_value(imgn853: Trial, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(FALSE_CLAIMS)
    checked = {
        c.claim.id: c
        for c in make_readout(take_snapshot(imgn853.events(), FIRST), read_claims(tmp_path / "c.yaml")).claims
    }
    assert (checked["A"].holds, checked["A"].found) == (False, "patients treated is 18, not 19")
    assert (checked["B"].holds, checked["B"].found) == (None, "there is no treated patient '0401-099'")
    assert checked["C"].holds is False
    assert checked["D"].found.endswith("is 3, not 4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "- {id: A, text: x, measure: patient_treated, is: 1}",
            ":1: measure is 'patient_treated': did you mean patients_treated?",
        ),
        ("- {id: A, text: x, measure: patients_treated}", "give one of is, at_least, at_most, contains"),
        (
            "- {id: A, text: x, measure: stable_weeks, patient: p, is: 1}",
            "stable_weeks needs since: first dose or first seen",
        ),
        (
            "- {id: A, text: x, measure: stable_weeks, patient: p, since: ever, is: 1}",
            "since is 'ever'; it must be first dose or first seen",
        ),
        ("- {id: A, text: x, measure: mtd, dose: 3, is: 1}", "dose is no argument of mtd"),
        ("- {id: A, measure: mtd, is: 1}", "text is missing"),
        ("- {id: A, text: x, undecidable: a}\n- {id: A, text: x, undecidable: a}", ":2: the id A is used twice"),
        ("a: b", "a claims file is a list"),
        ("- [", "YAML"),
    ],
)
def test_a_claims_file_that_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ClaimsError) as error:
        read_claims(tmp_path / "c.yaml")
    assert said in str(error.value)


def test_the_shipped_record_is_complete(imgn853: Trial) -> None:
    state = imgn853.state(FIRST)
    assert sum(len(p.doses) for p in state.patients.values()) == 50
    assert len([p for p in state.patients.values() if p.doses]) == 18
