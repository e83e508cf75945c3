"""Results and protocol: each number down to its events, at any pair of times."""

from __future__ import annotations

import csv
import io
import re
from datetime import date

from posology.record import facts as f
from tests.web.conftest import OpenRoom

AT = "/t/imgn853-0401"


def test_a_number_leads_to_its_events(room: OpenRoom) -> None:
    stu = room.enter("stu")
    page = stu.get(f"{AT}/results/patients_by_level").text
    assert "2 patients received IMGN853" in page and "Patients by dose level" in page
    link = re.search(r'href="([^"]*results/patients_by_level)\?cell=(0-2)#behind">2<', page)
    assert link, page
    behind = stu.get(link[1], cell=link[2]).text
    section = behind[behind.index('id="behind"') :]
    assert "Behind 2: 4 events" in section
    given = {str(e.seq) for e in room.trial.events() if e.kind == "dosed"}
    assert given <= set(re.findall(r"/events/(\d+)", section))
    for wrong in ("99-0", "0-99", "x", "0-", "²-0", "0-0" * 9):
        assert stu.get(f"{AT}/results/patients_by_level", cell=wrong).status_code == 200
    assert stu.get(f"{AT}/results/nothing").status_code == 404
    assert stu.get(f"{AT}/results/nothing.csv").status_code == 404


def test_results_are_those_of_the_day_and_change_with_the_record(room: OpenRoom) -> None:
    stu = room.enter("stu")
    before = stu.get(f"{AT}/results", occurred_by="1 jan 2013").text
    assert "patients received" not in before and "as it had occurred by 1 January 2013" in before
    head = room.trial.events()[-1].seq
    event = f.AdverseEvent(ae="1", term="Keratitis", grade=3, related=True)
    room.trial.record(event, patient="001", by="dan", occurred=date(2013, 1, 2))
    assert "Keratitis" in stu.get(f"{AT}/results/adverse_events_by_class").text
    assert stu.get(f"{AT}/results/adverse_events_by_class", known_by=str(head)).status_code == 404
    page = stu.get(f"{AT}/results/patients", occurred_by="2013-01-02", cell="0-0").text
    assert f'href="{AT}/results/patients_by_level?occurred_by=2013-01-02"' in page
    assert f'href="{AT}/results/patients.csv?occurred_by=2013-01-02"' in page


def test_a_table_is_handed_over_with_its_events(room: OpenRoom) -> None:
    answer = room.enter("aud").get(f"{AT}/results/patients_by_level.csv")
    assert answer.headers["content-disposition"].endswith('patients_by_level-2013-01-02.csv"')
    rows = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert rows[0]["Treated"] == "2" and rows[0]["events: Treated"]


def test_a_locked_cutoff_is_read_as_it_was_locked(room: OpenRoom) -> None:
    stu = room.enter("stu")
    assert "Lock a data cutoff" in stu.get(f"{AT}/results").text
    sent = stu.send(f"{AT}/enter/cutoff_locked", cutoff="2 jan 2013", name="first look")
    assert sent.status_code == 303
    lock = room.trial.events()[-1].seq
    event = f.AdverseEvent(ae="1", term="Keratitis", grade=3, related=True)
    room.trial.record(event, patient="001", by="dan", occurred=date(2013, 1, 2))
    page = stu.get(f"{AT}/results", occurred_by="2013-01-02").text
    assert f"a locked data cutoff: the record as it stood at event {lock}" in page and "first look" in page
    assert "Adverse events" not in page[page.index('class="tables"') : page.index('id="table"')]


def test_the_protocol_in_each_version(room: OpenRoom) -> None:
    sam = room.enter("sam")
    page = sam.get(f"{AT}/protocol").text
    assert "Protocol, version 1.0" in page and "CTCAE version 4.03" in page and "What changed" not in page
    changes = {"dlt": {"window_days": 28}}
    room.trial.record(f.ProtocolAmended(version="1.1", why="longer window", changes=changes), by="dan")
    page = sam.get(f"{AT}/protocol").text
    assert "Protocol, version 1.1" in page and "dlt: window_days: was 21; is 28" in page
    assert "days 1 to 21" in sam.get(f"{AT}/protocol", version="1.0").text
    assert sam.get(f"{AT}/protocol", version="9").status_code == 404
