"""Queries, reviews and endorsements: each of the data as they stood, and open again when those change."""

from __future__ import annotations

import pytest

from posology.conduct.readiness import readiness
from posology.conduct.review import endorsements, open_queries, queries_of, to_review
from posology.conduct.trial import Refused, Trial
from posology.record import facts as f
from posology.record.review import CourseEndorsed, EventReviewed, QueryAnswered, QueryClosed, QueryRaised
from tests.conftest import Clock, treat


@pytest.fixture
def treated(trial: Trial) -> Trial:
    treat(trial, "001", 1)
    trial.record(f.AdverseEvent(ae="1", term="Keratitis", grade=2, related=True), patient="001", by="Dr A")
    return trial


def test_a_query_from_asked_to_closed(treated: Trial) -> None:
    event = treated.events()[-1]
    query = treated.record(QueryRaised(event=event.seq, text="Which eye?"), patient="001", by="monitor")
    assert [str(q) for q in open_queries(treated.state())] == [f"001, query {query.seq} (open): Which eye?"]
    assert "Which eye?" in next(i for i in readiness(treated.state(), treated.today()) if "query" in i.text).open[0]
    treated.correct(event.seq, by="Dr A", reason="asked", verbatim="keratitis, left eye")
    treated.record(QueryAnswered(query=query.seq, text="The left one"), patient="001", by="Dr A")
    (asked,) = queries_of(treated.state(), treated.state().patients["001"])
    assert asked.standing == "answered" and asked.changed and asked.about and asked.about.supersedes == event.seq
    treated.record(QueryClosed(query=query.seq, why="corrected"), patient="001", by="monitor")
    assert not open_queries(treated.state())
    with pytest.raises(Refused, match="query-is-open: query .* was closed by event"):
        treated.record(QueryAnswered(query=query.seq, text="again"), patient="001", by="Dr A")
    closing = treated.events()[-1]
    treated.void(closing.seq, by="monitor", reason="closed too early")
    assert [q.standing for q in open_queries(treated.state())] == ["answered"]


def test_what_is_asked_about_exists(treated: Trial) -> None:
    for number in (1, 999):
        with pytest.raises(Refused, match=f"event-is-in-effect: there is no event {number} of 001 in effect"):
            treated.record(QueryRaised(event=number, text="x"), patient="001", by="monitor")
    with pytest.raises(Refused, match="query-is-open: there is no query 3 about 001"):
        treated.record(QueryClosed(query=3, why="x"), patient="001", by="monitor")
    query = treated.record(QueryRaised(event=treated.events()[-1].seq, text="x"), patient="001", by="monitor")
    with pytest.raises(Refused, match="is about the data itself: query raised"):
        treated.record(EventReviewed(event=query.seq), patient="001", by="monitor")


def test_a_review_falls_back_when_the_event_changes(treated: Trial) -> None:
    patient = lambda: treated.state().patients["001"]
    for event in list(patient().events):
        treated.record(EventReviewed(event=event.seq), patient="001", by="monitor")
    assert not to_review(patient(), "monitor") and to_review(patient(), "another")
    event = next(e for e in treated.events() if e.kind == "adverse_event")
    changed = treated.correct(event.seq, by="Dr A", reason="seen again", grade=3)
    assert [e.seq for e in to_review(patient(), "monitor")] == [changed.seq]


def test_an_endorsement_holds_until_anything_changes(treated: Trial, clock: Clock) -> None:
    patient = lambda: treated.state().patients["001"]
    treated.record(CourseEndorsed(milestone="end of cycle 1"), patient="001", by="Dr A")
    assert [holds for _, holds in endorsements(patient())] == [True]
    query = treated.record(QueryRaised(event=patient().events[0].seq, text="?"), patient="001", by="monitor")
    assert [holds for _, holds in endorsements(patient())] == [True], "a query changes no datum"
    with pytest.raises(Refused, match="queries-are-closed: 1 not closed: 001, query"):
        treated.record(CourseEndorsed(milestone="again"), patient="001", by="Dr A")
    treated.record(QueryClosed(query=query.seq, why="x"), patient="001", by="monitor")
    treated.record(f.MarkerMeasured(value=40, upper_limit=35), patient="001", by="laboratory")
    assert [holds for _, holds in endorsements(patient())] == [False]
    treated.record(CourseEndorsed(milestone="again"), patient="001", by="Dr A")
    assert [holds for _, holds in endorsements(patient())] == [False, True]


def test_after_death_the_data_are_still_asked_about(treated: Trial, clock: Clock) -> None:
    treated.record(f.Died(cause="disease"), patient="001", by="Dr A")
    death = treated.events()[-1]
    clock.to("2030-03-01")
    assert treated.record(QueryRaised(event=death.seq, text="Related?"), patient="001", by="monitor")
    assert treated.record(EventReviewed(event=death.seq), patient="001", by="monitor")
