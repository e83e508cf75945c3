"""What tests share: the worked example's protocol, a clock that stands still, a small trial to break."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from posology.conduct.csv_import import load
from posology.conduct.trial import Trial
from posology.protocol.load import load_document
from posology.record import facts as f

settings.register_profile("posology", deadline=None, max_examples=40)
settings.load_profile("posology")

EXAMPLE = Path(__file__).parents[1] / "src/posology/examples/imgn853"


class Clock:
    """A clock that moves only when told."""

    def __init__(self, start: datetime) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def to(self, day: str) -> None:
        self.time = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)

    def tick(self) -> None:
        self.time += timedelta(minutes=1)


@pytest.fixture(scope="session")
def imgn853_document() -> dict[str, Any]:
    return load_document(EXAMPLE / "protocol.yaml")


@pytest.fixture(scope="session")
def imgn853_file(tmp_path_factory: pytest.TempPathFactory, imgn853_document: dict[str, Any]) -> Path:
    """The worked example's record, replayed through the rules once; copy it before writing to it."""
    path = tmp_path_factory.mktemp("imgn853") / "imgn853.posology"
    with Trial.create(
        path, imgn853_document, by="sponsor", on=date(2012, 6, 1), recorded=datetime(2012, 6, 1, 8, tzinfo=UTC)
    ) as trial:
        load(trial, EXAMPLE / "events.csv", by="loader", protocol=imgn853_document)
    return path


@pytest.fixture
def imgn853(imgn853_file: Path, tmp_path: Path) -> Iterator[Trial]:
    path = tmp_path / "imgn853.posology"
    shutil.copy(imgn853_file, path)
    with Trial.open(path) as trial:
        yield trial


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2030, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
def trial(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> Iterator[Trial]:
    """A new trial, nobody in it."""
    with Trial.create(tmp_path / "t.posology", imgn853_document, by="Dr A", clock=clock) as made:
        yield made


def screen(trial: Trial, patient: str, **changes: Any) -> None:
    """Consent and screen a patient who meets every criterion."""
    who = {"sex": "F", "age": 60, "tumour_type": "ovarian", "height_cm": 165.0, "weight_kg": 60.0, "ecog": 1} | changes
    trial.record(f.Consented(), patient=patient, by="Dr A")
    trial.record(f.Screened(**who), patient=patient, by="Dr A")
    for criterion in ("I4", "I5", "I6", "I7"):
        trial.record(f.CriterionAttested(criterion=criterion, met=True), patient=patient, by="Dr A")


def treat(trial: Trial, patient: str, level: int) -> None:
    """Bring a patient to the first dose at a level, on the clock's day."""
    screen(trial, patient)
    trial.record(f.SlotReserved(level=level), patient=patient, by="Dr A")
    trial.record(f.Enrolled(), patient=patient, by="Dr A")
    give(trial, patient, 1, level)


def give(trial: Trial, patient: str, cycle: int, level: int, **changes: Any) -> None:
    """Give a dose of the planned amount to a patient of 60 kg."""
    dose = trial.state().protocol().dose.levels[level - 1] * 60.0
    fact = f.Dosed(**({"cycle": cycle, "level": level, "weight_kg": 60.0, "actual_mg": dose} | changes))
    trial.record(fact, patient=patient, by="Dr A")


def decide(trial: Trial, action: str, level: int | None, slots: int = 0, **more: Any) -> None:
    """Take a decision and sign it."""
    taken = trial.record(f.DecisionTaken(action=action, level=level, slots=slots, why="agreed", **more), by="committee")
    number = taken.fact.number  # type: ignore[attr-defined]
    trial.record(f.DecisionSigned(decision=number, name="Dr M", role="medical monitor"), by="Dr M")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server started on a free port in a temporary directory."""
    found = [p for p in sorted(Path("/usr/lib/postgresql").glob("*/bin")) if (p / "initdb").exists()]
    on_path = shutil.which("initdb")
    if not found and not on_path:
        pytest.fail("PostgreSQL is not installed: apt install postgresql (the .ci/run script does)")
    programs = found[-1] if found else Path(str(on_path)).parent
    home = Path(tempfile.mkdtemp(prefix="posology-postgresql-"))  # where the server's own user may enter
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    import os

    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(home, "postgres")
    run = lambda *command: subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=home)
    run(str(programs / "initdb"), "-D", str(home / "data"), "-A", "trust", "-U", "posology", "-E", "UTF8")
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=on"
    run(str(programs / "pg_ctl"), "-D", str(home / "data"), "-o", options, "-l", str(home / "log"), "-w", "start")
    try:
        yield f"postgresql://posology@127.0.0.1:{port}/postgres"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a record can be kept: a file, and a database of its own on a server."""
    if request.param == "sqlite":
        yield str(tmp_path / "t.posology")
        return
    import psycopg

    url = request.getfixturevalue("postgresql")
    name = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    yield url.replace("/postgres", f"/{name}")
