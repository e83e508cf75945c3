"""Queries, reviews and endorsements as they stand: what is asked and not answered, what was reviewed as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from posology.record.binding import cast_fact
from posology.record.event import Event
from posology.record.review import ABOUT_DATA, CourseEndorsed, EventReviewed, QueryAnswered, QueryClosed, QueryRaised
from posology.record.state import Patient, State


@dataclass(frozen=True)
class Query:
    """A query with its answers; ``about`` is the event it is about, as it stands now (None: it was voided)."""

    raised: Event
    about: Event | None
    answers: tuple[Event, ...]
    closed: Event | None

    @property
    def number(self) -> int:
        """The query's number."""
        return self.raised.seq

    @property
    def text(self) -> str:
        """What is asked."""
        return cast_fact(QueryRaised, self.raised).text

    @property
    def changed(self) -> bool:
        """Whether the event was changed, or voided, since it was asked about."""
        return self.about is None or self.about.hash != cast_fact(QueryRaised, self.raised).asked

    @property
    def standing(self) -> str:
        """Where it stands: open, answered or closed."""
        return "closed" if self.closed else "answered" if self.answers else "open"

    def __str__(self) -> str:
        return f"{self.raised.patient}, query {self.number} ({self.standing}): {self.text}"


def current(state: State, seq: int) -> int:
    """Return the number of the event that now stands in the place of an event."""
    while seq in state.superseded:
        seq = state.superseded[seq]
    return seq


def event_now(state: State, patient: Patient, seq: int) -> Event | None:
    """Return an event of a patient as it stands now; None if there is none, or it was voided."""
    now = current(state, seq)
    return next((e for e in patient.events if e.seq == now), None)


def queries_of(state: State, patient: Patient) -> list[Query]:
    """Return the queries about a patient's events, oldest first."""
    found = []
    for raised in sorted(patient.of(QueryRaised), key=lambda e: state.origin.get(e.seq, e.seq)):
        numbers = {raised.seq, state.origin.get(raised.seq, raised.seq)}
        answers = tuple(e for e in patient.of(QueryAnswered) if cast_fact(QueryAnswered, e).query in numbers)
        closed = next((e for e in patient.of(QueryClosed) if cast_fact(QueryClosed, e).query in numbers), None)
        about = event_now(state, patient, cast_fact(QueryRaised, raised).event)
        found.append(Query(raised, about, answers, closed))
    return found


def open_queries(state: State) -> list[Query]:
    """Return all queries that are not closed, patient by patient."""
    return [q for patient in state.patients.values() for q in queries_of(state, patient) if q.closed is None]


def reviews_of(patient: Patient) -> dict[str, tuple[Event, ...]]:
    """Return who reviewed what: the marks of review by the hash of the event that each is of."""
    marks: dict[str, tuple[Event, ...]] = {}
    for event in patient.of(EventReviewed):
        hash = cast_fact(EventReviewed, event).reviewed or ""
        marks[hash] = (*marks.get(hash, ()), event)
    return marks


def data_of(patient: Patient) -> list[Event]:
    """Return the events that are data: all but what people say of them."""
    return [e for e in patient.events if not isinstance(e.fact, ABOUT_DATA)]


def to_review(patient: Patient, account: str) -> list[Event]:
    """Return the events that somebody has not reviewed as they stand."""
    marks = reviews_of(patient)
    return [e for e in data_of(patient) if all(m.author != account for m in marks.get(e.hash, ()))]


def course_hash(patient: Patient) -> str:
    """Return the hash of a patient's data as they stand."""
    return sha256("".join(sorted(e.hash for e in data_of(patient))).encode()).hexdigest()


def endorsements(patient: Patient) -> list[tuple[Event, bool]]:
    """Return the endorsements of a patient's data, and whether each holds: nothing was changed or added since."""
    now = course_hash(patient)
    return [(e, cast_fact(CourseEndorsed, e).endorsed == now) for e in patient.of(CourseEndorsed)]
