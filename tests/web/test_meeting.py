"""A committee meets: advice, decision, signatures by role, a change that breaks them, and the places that follow."""

from __future__ import annotations

import re

from starlette.testclient import TestClient

from posology.web.app import create_app
from posology.web.settings import RoomSettings
from tests.web.conftest import AT, PASSWORD, OpenRoom


def third_patient(room: OpenRoom) -> None:
    """Patient 003 is entered at site 01 through the pages, as a site does."""
    sam = room.enter("sam")
    day = {"occurred": "2 jan 2013"}
    sent = sam.send(f"{AT}/enter/consented", patient="003", **day)
    assert sent.headers["location"].startswith(f"{AT}/patients/003?recorded=")
    for kind, fields in (
        ("screened", {"sex": "F", "tumour_type": "ovarian", "height_cm": "163", "weight_kg": "60"}),
        ("slot_reserved", {"level": "1"}),
        ("enrolled", {}),
        ("dosed", {"cycle": "1", "level": "1", "weight_kg": "60", "actual_mg": "9"}),
    ):
        assert sam.send(f"{AT}/enter/{kind}", patient="003", **day, **fields).status_code == 303, kind


def test_from_the_cohort_to_the_signed_decision(room: OpenRoom) -> None:
    third_patient(room)
    room.clock.to("2013-01-10")
    page = room.enter("kim").get(f"{AT}/room").text
    assert "Stay" in page and "day 9/21" in page and "Not settled" in page
    room.clock.to("2013-02-01")
    kim, max_ = room.enter("kim"), room.enter("max")
    page = kim.get(f"{AT}/room").text
    assert re.search(r"Escalate.*0.5 mg/kg \(level 2\), 3 more", page)

    departs = kim.send(f"{AT}/decisions/new", action="escalate", level="3", slots="3", why="in a hurry")
    assert departs.status_code == 400 and "skips a level" in departs.text and "in a hurry" in departs.text
    sent = kim.send(f"{AT}/decisions/new", action="escalate", level="2", slots="3", why="No DLT in three")
    assert sent.headers["location"] == f"{AT}/decisions/1"
    assert "Waiting for medical monitor, committee" in kim.get(f"{AT}/decisions/1").text

    sign = {"meaning": "approved", "role": "committee"}
    wrong = kim.send(f"{AT}/decisions/1", password="wrong wrong wrong", **sign)
    assert wrong.status_code == 400 and "account, password or code is wrong" in wrong.text
    assert kim.send(f"{AT}/decisions/1", password=PASSWORD, **sign).status_code == 303
    assert "Waiting for medical monitor" in kim.get(f"{AT}/decisions/1").text
    sent = max_.send(f"{AT}/decisions/1", password=PASSWORD, meaning="approved", role="medical monitor")
    assert sent.status_code == 303
    page = max_.get(f"{AT}/decisions/1").text
    assert "In force since 2013-02-01" in page and "Dr Kim (kim, committee, Org)" in page
    assert "level 2" in page and room.trial.advise().open_level.level == 2

    decided = room.trial.state().trial.decisions[0].event
    changed = kim.send(f"{AT}/events/{decided.seq}", do="correct", action="escalate", level="2", slots="2",
                       why="No DLT in three", occurred="1 feb 2013", reason="two slots were agreed")  # fmt: skip
    assert changed.status_code == 303, changed.text
    page = max_.get(f"{AT}/decisions/1").text
    assert "Signature broken" in page and "<s>Dr Max" in page and "two slots were agreed" in page
    assert room.trial.advise().open_level.level == 1, "what is not signed as it stands opens nothing"
    assert "Decision 1" in max_.get(AT).text, "it waits on the work list"
    for who, role in ((kim, "committee"), (max_, "medical monitor")):
        assert who.send(f"{AT}/decisions/1", password=PASSWORD, meaning="approved", role=role).status_code == 303
    assert room.trial.advise().open_level.level == 2


def test_what_was_not_seen_is_not_signed(room: OpenRoom) -> None:
    """The page names the decision by its hash: one that was changed meanwhile is not signed by that page."""
    third_patient(room)
    room.clock.to("2013-02-01")
    kim = room.enter("kim")
    kim.send(f"{AT}/decisions/new", action="escalate", level="2", slots="3", why="No DLT in three")
    old = kim.get(f"{AT}/decisions/1").text
    event = room.trial.state().trial.decisions[0].event
    room.trial.correct(event.seq, by="max", reason="agreed", slots=2)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', old))
    answer = kim.client.post(
        f"{AT}/decisions/1",
        data=hidden | {"password": PASSWORD, "meaning": "approved", "role": "committee"},
        headers={"origin": "http://testserver"},
    )
    assert answer.status_code == 400 and "was changed since this page was made" in answer.text
    assert not room.trial.state().trial.decisions[0].signatures


def test_what_came_in_meanwhile_stops_the_decision(room: OpenRoom) -> None:
    third_patient(room)
    room.clock.to("2013-02-01")
    kim, dan = room.enter("kim"), room.enter("dan")
    page = kim.get(f"{AT}/decisions/new").text
    dan.send(f"{AT}/enter/adverse_event", patient="001", occurred="10 jan 2013", ae="1", term="Keratitis", grade="3",
             related="yes")  # fmt: skip
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    answer = kim.client.post(
        f"{AT}/decisions/new",
        data=hidden | {"action": "escalate", "level": "2", "slots": "3", "why": "No DLT"},
        headers={"origin": "http://testserver"},
    )
    assert answer.status_code == 400 and "1 event came in since this page was made" in answer.text
    assert not room.trial.state().trial.decisions
    again = kim.send(f"{AT}/decisions/new", action="expand", level="1", slots="3", why="one is not judged")
    assert again.status_code == 400 and "not all is ready: say why" in again.text


def test_nobody_signs_for_another(room: OpenRoom) -> None:
    third_patient(room)
    room.clock.to("2013-02-01")
    kim = room.enter("kim")
    kim.send(f"{AT}/decisions/new", action="escalate", level="2", slots="3", why="No DLT in three")
    sent = kim.send(f"{AT}/decisions/1", password=PASSWORD, meaning="approved", role="committee", name="max", by="max")
    assert sent.status_code == 303
    (signature,) = room.trial.state().trial.decisions[0].signatures
    assert signature.author == "kim" and signature.fact.name == "kim"


def test_a_rule_is_set_aside_by_name_and_reason(room: OpenRoom) -> None:
    dan = room.enter("dan")
    fields = {
        "patient": "001",
        "occurred": "2 jan 2013",
        "cycle": "2",
        "level": "1",
        "weight_kg": "60",
        "actual_mg": "20",
    }
    refused = dan.send(f"{AT}/enter/dosed", **fields)
    assert refused.status_code == 400 and "Record it nevertheless" in refused.text
    rules = re.search(r'name="aside" value="([^"]+)"', refused.text)
    assert rules
    sent = dan.send(f"{AT}/enter/dosed", **fields, aside=rules[1], aside_why="two vials, by the pharmacy's note")
    assert sent.status_code == 303
    assert room.trial.events()[-1].override and "rules set aside" in dan.get(f"{AT}/patients/001").text


def test_the_trail_is_searched_verified_and_copied(room: OpenRoom, tmp_path: object) -> None:
    aud = room.enter("aud")
    page = aud.get(f"{AT}/trail", kind="dosed").text
    assert page.count("actual mg") == 2
    head = room.trial.events()[-1]
    assert f"The chain is sound: {head.seq} events, head {head.hash}" in aud.get(f"{AT}/trail", verify="yes").text
    copied = aud.get(f"{AT}/copy.jsonl")
    assert copied.headers["content-disposition"] == f'attachment; filename="imgn853-0401-{head.seq}.jsonl"'
    from pathlib import Path

    from posology.record.jsonl import read

    place = Path(str(tmp_path)) / "copy.jsonl"
    place.write_bytes(copied.content)
    rows, trial = read(place)
    assert trial == "IMGN853-0401" and rows[-1].hash == head.hash


def test_then_and_now(room: OpenRoom) -> None:
    """As of an event before 002 came, there is no 002; and nothing can be entered then."""
    max_ = room.enter("max")
    seq = next(e.seq for e in room.trial.events() if e.patient == "002")
    page = max_.get(f"{AT}/room", known_by=str(seq - 1)).text
    assert "002" not in re.sub(r"\d{4}-\d\d-\d\d|0020", "", page) and "nothing can be entered here" in page
    assert "Propose a decision" not in page


def test_alone_at_the_own_machine(tmp_path: object, plan: dict[str, object], clock: object) -> None:
    """One person, no account: the key in the address lets in, nothing else does; a record without people is the owner's."""
    from datetime import date
    from pathlib import Path

    from posology.conduct.trial import Trial

    place = Path(str(tmp_path)) / "own.posology"
    Trial.create(place, plan, by="me", on=date(2013, 1, 1), clock=clock).close()  # type: ignore[arg-type]
    app = create_app(RoomSettings(Path(str(tmp_path)), (str(place),), "me", "key", clock=clock))  # type: ignore[arg-type]
    with TestClient(app) as client:
        assert client.get(f"{AT}/room", follow_redirects=False).status_code == 303
        assert client.get("/alone/wrong").status_code == 404
        client.get("/alone/key")
        assert client.get(f"{AT}/room").status_code == 200
        assert client.get("/accounts").status_code == 404


def test_queries_and_reviews_go_through_the_pages(room: OpenRoom) -> None:
    """A monitor asks, the site answers and corrects, the monitor closes and reviews; a change is new again."""
    sam, max_ = room.enter("sam"), room.enter("max")
    dose = next(e for e in room.trial.events() if e.kind == "dosed" and e.patient == "001")
    assert "Raise a query" in max_.get(f"{AT}/events/{dose.seq}").text
    assert "Raise a query" not in sam.get(f"{AT}/events/{dose.seq}").text
    asked = max_.send(f"{AT}/enter/query_raised", f"{AT}/enter/query_raised?patient=001&event={dose.seq}",
                      event=str(dose.seq), text="60 or 66 kg?")  # fmt: skip
    assert asked.status_code == 303
    number = room.trial.events()[-1].seq
    assert "60 or 66 kg?" in sam.get(AT).text and "60 or 66 kg?" not in room.enter("sue").get(AT).text
    page = max_.get(f"{AT}/decisions").text and room.enter("kim").get(f"{AT}/room").text
    assert "no query about the data is open: <em>not so</em>" in page
    sent = sam.send(f"{AT}/enter/query_answered", patient="001", query=str(number), text="60 kg, by the chart")
    assert sent.status_code == 303
    assert sam.get(f"{AT}/enter/query_closed", patient="001").status_code == 404, "a site does not close its query"
    assert max_.send(f"{AT}/enter/query_closed", patient="001", query=str(number), why="as answered").status_code == 303
    page = max_.get(f"{AT}/patients/001").text
    assert "5 events new" in page
    assert max_.send(f"{AT}/patients/001").status_code == 303
    page = max_.get(f"{AT}/patients/001").text
    assert "new</strong> since your review" not in page and page.count("reviewed by max") == 5
    room.trial.correct(dose.seq, by="sam", reason="the chart", note="by the chart")
    assert "1 event new" in max_.get(f"{AT}/patients/001").text


def test_only_what_was_on_the_page_is_reviewed(room: OpenRoom) -> None:
    max_ = room.enter("max")
    page = max_.get(f"{AT}/patients/001").text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    room.enter("sam").send(f"{AT}/enter/marker_measured", patient="001", value="40", upper_limit="35")
    max_.client.post(f"{AT}/patients/001", data=hidden, headers={"origin": "http://testserver"})
    assert "1 event new" in max_.get(f"{AT}/patients/001").text
