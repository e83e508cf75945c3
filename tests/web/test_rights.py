"""Who sees and sends what: every role, every page, own and foreign patients, own and foreign trials."""

from __future__ import annotations

import re

import pytest

from posology.conduct.people_rules import RIGHTS
from posology.record.fact import KINDS
from posology.web.app import ROUTES
from posology.web.pages.entry import OWN_PAGES
from tests.web.conftest import AT, PEOPLE, OpenRoom

READERS = set(PEOPLE) - {"ann"}
WHOLE = READERS - {"sam", "sue"}
DECIDERS = {name for name, (role, _) in PEOPLE.items() if KINDS["decision_taken"] in RIGHTS[role]}
SEEN_BY = {
    AT: READERS,
    f"{AT}/room": READERS,
    f"{AT}/head": set(PEOPLE),
    f"{AT}/decisions": WHOLE,
    f"{AT}/decisions/new": DECIDERS,
    f"{AT}/patients": READERS,
    f"{AT}/patients/001": READERS - {"sue"},
    f"{AT}/patients/002": READERS - {"sam"},
    f"{AT}/results": WHOLE,
    f"{AT}/results/patients": WHOLE,
    f"{AT}/results/patients.csv": WHOLE,
    f"{AT}/protocol": READERS,
    f"{AT}/trail": READERS,
    f"{AT}/copy.jsonl": WHOLE,
    f"{AT}/people": WHOLE | {"ann"},
    "/account": set(PEOPLE),
    "/accounts": {"ann"},
    "/t/other-1": set(),
    "/t/other-1/room": set(),
    "/t/other-1/trail": set(),
    "/t/other-1/people": set(),
    "/t/nowhere": set(),
}
"""Which accounts a page answers; the others are told that there is no such page."""


@pytest.mark.parametrize("account", PEOPLE)
def test_each_page_answers_whom_it_may(room: OpenRoom, account: str) -> None:
    someone = room.enter(account)
    for path, accounts in SEEN_BY.items():
        assert someone.get(path).status_code == (200 if account in accounts else 404), path


def test_every_page_is_in_the_table_above_or_tried_elsewhere() -> None:
    """A page that is added is added here, too."""
    known = {re.sub(r"/t/[^/]+", "/t/{trial}", path) for path in SEEN_BY}
    known |= {p.replace("001", "{patient}").replace("002", "{patient}") for p in known}
    known |= {p.replace("results/patients", "results/{table}") for p in known}
    elsewhere = {
        "/", "/health", "/alone/{key}", "/log-in", "/log-out", "/password/{token}", "/explorer",
        "/t/{trial}/decisions/{number}", "/t/{trial}/enter/{kind}", "/t/{trial}/events/{seq:int}",
    }  # fmt: off
    assert {route.path for route in ROUTES} <= known | elsewhere


@pytest.mark.parametrize("account", PEOPLE)
def test_each_form_answers_whom_it_may(room: OpenRoom, account: str) -> None:
    """A form is shown exactly to those whose role records its kind; what is sent without is refused as well."""
    someone, role = room.enter(account), PEOPLE[account][0]
    shown = [k for k in KINDS.values() if isinstance(k.verb, str) and k not in OWN_PAGES]
    for kind in shown:
        status = someone.get(f"{AT}/enter/{kind.kind}").status_code
        assert status == (200 if kind in RIGHTS[role] else 404), kind
    for hidden in ("trial_created", "protocol_amended", "voided", "background_noted", "nothing"):
        assert someone.get(f"{AT}/enter/{hidden}").status_code == 404


def test_a_stranger_is_led_to_the_log_in(room: OpenRoom) -> None:
    stranger = room.stranger()
    for path in SEEN_BY:
        answer = stranger.get(path)
        assert answer.status_code == 303 and answer.headers["location"].startswith("/log-in?next=")
    for path in ("/", "/health", "/explorer", "/log-in"):
        assert stranger.get(path).status_code == 200
    assert "IMGN853" not in stranger.get("/").text


def test_a_site_sees_no_other_patient_anywhere(room: OpenRoom) -> None:
    """The number of the other site's patient stands on no page, no trail, no event, no list."""
    sue = room.enter("sue")
    for path in (AT, f"{AT}/room", f"{AT}/patients", f"{AT}/trail", f"{AT}/patients/002"):
        page = sue.get(path).text
        assert not re.search(r"\b001\b", page), path
    foreign = next(e for e in room.trial.events() if e.patient == "001")
    assert sue.get(f"{AT}/events/{foreign.seq}").status_code == 404
    assert sue.get(f"{AT}/enter/adverse_event", patient="001").status_code == 404
    about_the_trial = next(e for e in room.trial.events() if e.kind == "access_granted")
    assert sue.get(f"{AT}/events/{about_the_trial.seq}").status_code == 404


def test_a_right_that_is_withdrawn_ends_at_once(room: OpenRoom) -> None:
    dan = room.enter("dan")
    assert dan.get(AT).status_code == 200
    ann = room.enter("ann")
    answer = ann.send(f"{AT}/enter/access_withdrawn", account="dan", why="left")
    assert answer.status_code == 303 and dan.get(AT).status_code == 404


def test_an_administrator_gives_rights_and_sees_no_data(room: OpenRoom) -> None:
    ann = room.enter("ann")
    sent = ann.send(f"{AT}/enter/access_granted", account="new", name="Dr New", role="auditor", organisation="Agency")
    assert sent.status_code == 303 and sent.headers["location"] == f"{AT}/people"
    assert room.enter("new").get(f"{AT}/room").status_code == 200
    page = ann.get(f"{AT}/people").text
    assert "Dr New" in page and "001" not in page and ann.get(f"{AT}/room").status_code == 404
