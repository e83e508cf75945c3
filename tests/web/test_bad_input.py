"""What somebody might send: another site, an older session, a form twice, script, bodies and addresses of every kind."""

from __future__ import annotations

import pytest

from posology.record.fact import KINDS
from tests.web.conftest import AT, OWN, PASSWORD, OpenRoom

SCRIPT = '"><script>alert(1)</script>{{7*7}}<!--'
BAD = ["\x00", "﷽" * 50, "‮evil", "-1", "1e999", "NaN", "١٢٣", "x" * 10_000, SCRIPT, "2013-02-30", "year 20245", " "]


def test_every_answer_has_its_headers(room: OpenRoom) -> None:
    someone = room.enter("max")
    for path in ("/", AT, f"{AT}/room", "/explorer", "/nowhere", "/static/room.css"):
        headers = someone.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")
    cookie = room.stranger().send("/log-in", account="max", password=PASSWORD).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "http://testserver", "sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(room: OpenRoom, headers: dict[str, str], status: int) -> None:
    someone = room.enter("dan")
    before = room.trial.events()[-1].seq
    answer = someone.client.post(f"{AT}/enter/died", data={"patient": "001", "cause": "x"}, headers=headers)
    assert answer.status_code == status and room.trial.events()[-1].seq == before


def test_a_form_without_the_sessions_token_is_refused(room: OpenRoom) -> None:
    someone = room.enter("dan")
    for token in ("", "0" * 64):
        data = {"csrf": token, "patient": "001", "cause": "x"}
        answer = someone.client.post(f"{AT}/enter/died", data=data, headers=OWN)
        assert answer.status_code == 403 and "older session" in answer.text


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (b"a=" + b"x" * 300_000, "application/x-www-form-urlencoded", "larger than"),
        (b"&".join(b"a%d=1" % k for k in range(500)), "application/x-www-form-urlencoded", "cannot be read"),
        (b"a=%ff%fe", "application/x-www-form-urlencoded", "cannot be read"),
        (b"\xff\xfe", "application/x-www-form-urlencoded", "cannot be read"),
        (b"a=1&a=2", "application/x-www-form-urlencoded", "a field twice"),
        (b"{}", "application/json", "sent as"),
        (b"x", "multipart/form-data; boundary=x", "sent as"),
    ],
)
def test_a_body_that_is_none(room: OpenRoom, content: bytes, kind: str, text: str) -> None:
    someone = room.enter("dan")
    answer = someone.client.post(f"{AT}/enter/died", content=content, headers=OWN | {"content-type": kind})
    assert answer.status_code == 400 and text in answer.text


def test_a_form_sent_again_is_answered_as_before(room: OpenRoom) -> None:
    """A replay does nothing, and leads where the first led; two forms at once are two entries."""
    someone = room.enter("dan")
    data = {"form_id": "abc", "patient": "001", "value": "40", "upper_limit": "35"}
    data["csrf"] = someone.get(f"{AT}/enter/died").text.split('name="csrf" value="')[1].split('"')[0]
    sent = [
        someone.client.post(f"{AT}/enter/marker_measured", data=data, headers=OWN, follow_redirects=False) for _ in "12"
    ]
    assert [a.status_code for a in sent] == [303, 303]
    assert len({a.headers["location"] for a in sent}) == 1
    assert sum(e.kind == "marker_measured" for e in room.trial.events()) == 1


@pytest.mark.parametrize("kind", ["adverse_event", "screened", "dosed", "died", "lesion_measured", "marker_measured"])
@pytest.mark.parametrize("bad", BAD)
def test_anything_in_any_field_is_named_or_kept_as_text(room: OpenRoom, kind: str, bad: str) -> None:
    """No traceback, no script on a page, nothing half recorded."""
    from posology.record.entry_fields import entry_fields

    someone = room.enter("dan")
    before = room.trial.events()[-1].seq
    fields = {f.name: bad for f in entry_fields(KINDS[kind])}
    for occurred in ("", bad):
        answer = someone.send(f"{AT}/enter/{kind}", patient="001", occurred=occurred, **fields)
        assert answer.status_code in (303, 400), answer.status_code
        assert "<script>alert" not in answer.text and "49" not in answer.text.replace("1490", "")[:0]
    new = [e for e in room.trial.events() if e.seq > before]
    for event in new:
        page = someone.get(f"{AT}/events/{event.seq}").text
        assert "<script>alert" not in page


@pytest.mark.parametrize("bad", BAD)
def test_anything_in_an_address(room: OpenRoom, bad: str) -> None:
    from urllib.parse import quote

    someone = room.enter("max")
    for path in (
        f"{AT}/patients/{quote(bad, safe='')}",
        f"{AT}/decisions/{quote(bad, safe='')}",
        f"/t/{quote(bad, safe='')}",
    ):
        answer = someone.get(path)
        assert answer.status_code in (404, 200, 307), (path, answer.status_code)
        assert "<script>alert" not in answer.text
    for query in ("occurred_by", "known_by"):
        answer = someone.get(f"{AT}/room", **{query: bad})
        assert answer.status_code in (200, 400) and "<script>alert" not in answer.text
    answer = someone.get(f"{AT}/trail", text=bad, kind=bad, author=bad, patient=bad)
    assert answer.status_code == 200 and "<script>alert" not in answer.text
    answer = someone.get("/explorer", levels=bad, truth=bad, settings=bad, design=bad, target=bad)
    assert answer.status_code in (200, 400) and "<script>alert" not in answer.text


def test_other_names_and_methods(room: OpenRoom) -> None:
    someone = room.stranger()
    assert someone.client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert someone.client.put("/", headers=OWN).status_code == 405
    assert someone.client.delete(f"{AT}/room", headers=OWN).status_code == 405
    assert (
        room.stranger().send("/log-in?next=//evil.example", account="max", password=PASSWORD).headers["location"] == "/"
    )


def test_a_date_in_the_future_and_one_before_consent(room: OpenRoom) -> None:
    someone = room.enter("dan")
    for day, text in (("1 jan 2014", "is after today"), ("3 dec 12", "consented on 2013-01-02")):
        answer = someone.send(f"{AT}/enter/marker_measured", patient="001", occurred=day, value="40", upper_limit="35")
        assert answer.status_code == 400 and text in answer.text and 'value="40"' in answer.text, "what was typed stays"
