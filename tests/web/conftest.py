"""A room with two trials, eight people and two sites, and somebody at a browser in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from posology.conduct.trial import Trial
from posology.protocol.load import load_document
from posology.record import facts as f
from posology.record.people import AccessGranted, SiteReleased
from posology.web.accounts import Accounts
from posology.web.app import create_app
from posology.web.settings import RoomSettings
from tests.conftest import EXAMPLE, Clock

PASSWORD = "three quiet green boats"
PEOPLE = {
    "ann": ("administrator", None),
    "sam": ("site", "01"),
    "sue": ("site", "02"),
    "max": ("medical monitor", None),
    "kim": ("committee", None),
    "stu": ("statistician", None),
    "dan": ("data manager", None),
    "aud": ("auditor", None),
}
AT = "/t/imgn853-0401"
OWN = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}


@dataclass
class Someone:
    """Somebody at a browser."""

    client: TestClient

    def get(self, path: str, **query: str) -> httpx.Response:
        return self.client.get(path, params=query, follow_redirects=False)

    def send(self, path: str, page: str | None = None, **fields: str) -> httpx.Response:
        """Load the page with the form, fill it in, send it."""
        shown = self.client.get(page or path).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', shown))
        return self.client.post(path, data=hidden | fields, headers=OWN, follow_redirects=False)


@pytest.fixture
def plan() -> dict[str, Any]:
    plan = load_document(EXAMPLE / "protocol.yaml")
    plan |= {"eligibility": [], "committee": {"sign": ["medical monitor", "committee"]}}
    return {k: v for k, v in plan.items() if k != "titration"}


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2013, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
def record(tmp_path: Path, plan: dict[str, Any], clock: Clock) -> Path:
    place = tmp_path / "t.posology"
    with Trial.create(place, plan, by="sponsor", on=date(2013, 1, 1), clock=clock) as trial:
        trial.record(_grant("ann", "administrator", None), by="sponsor")
        for site in ("01", "02"):
            trial.record(SiteReleased(site=site, name=f"Hospital {site}", training="visit"), by="ann")
        for account, (role, at) in PEOPLE.items():
            if account != "ann":
                trial.record(_grant(account, role, at), by="ann")
        clock.to("2013-01-02")
        for patient, site in (("001", "01"), ("002", "02")):
            trial.record(f.Consented(site=site), patient=patient, by="dan")
            trial.record(
                f.Screened(sex="F", tumour_type="ovarian", height_cm=163, weight_kg=60), patient=patient, by="dan"
            )
            trial.record(f.SlotReserved(level=1), patient=patient, by="dan")
            trial.record(f.Enrolled(), patient=patient, by="dan")
            trial.record(f.Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=9.0), patient=patient, by="dan")
    return place


def _grant(account: str, role: str, site: str | None) -> AccessGranted:
    return AccessGranted(account=account, name=f"Dr {account.title()}", role=role, organisation="Org", site=site)  # type: ignore[arg-type]


@pytest.fixture
def other(tmp_path: Path, plan: dict[str, Any], clock: Clock) -> Path:
    """A trial that names none of them."""
    place = tmp_path / "other.posology"
    document = plan | {"trial": plan["trial"] | {"id": "OTHER-1"}}
    with Trial.create(place, document, by="x", on=date(2013, 1, 1), clock=clock) as trial:
        trial.record(_grant("zoe", "administrator", None), by="x")
    return place


@pytest.fixture(scope="session")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One hash for all, for Argon2 is slow on purpose."""
    from posology.web.passwords import hashed

    return hashed(PASSWORD)


@dataclass
class OpenRoom:
    """A room that is open, and those in it."""

    app: Any
    record: Path
    clock: Clock

    @property
    def accounts(self) -> Accounts:
        accounts: Accounts = self.app.state.accounts
        return accounts

    @property
    def trial(self) -> Trial:
        trial: Trial = self.app.state.rooms.find("imgn853-0401").trial
        return trial

    def stranger(self) -> Someone:
        return Someone(TestClient(self.app))

    def enter(self, account: str) -> Someone:
        someone = self.stranger()
        answer = someone.send("/log-in", account=account, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return someone


@pytest.fixture
def room(tmp_path: Path, record: Path, other: Path, clock: Clock, hashes: str) -> Iterator[OpenRoom]:
    app = create_app(RoomSettings(tmp_path, (str(record), str(other)), clock=clock))
    accounts: Accounts = app.state.accounts
    for account in (*PEOPLE, "new"):
        accounts.create(account, f"Dr {account.title()}", identity="passport", administrator=account == "ann", by="x")
    with accounts._change() as db:
        db.execute("UPDATE accounts SET hash = ?", [hashes])
    with TestClient(app):
        yield OpenRoom(app, record, clock)
