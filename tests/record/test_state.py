"""The fold: independent of batches, blind to what came later, the same live and replayed."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.event import GENESIS, Event
from posology.record.state import State, fold
from tests.conftest import Clock, screen

START = date(2030, 1, 1)


@st.composite
def records(draw: st.DrawFn) -> list[Event]:
    """Any series of events, with corrections and voids of earlier ones among them."""
    from datetime import UTC, datetime

    events: list[Event] = []
    for seq in range(1, draw(st.integers(1, 30)) + 1):
        patient = draw(st.sampled_from(["a", "b", "c"]))
        earlier = [e for e in events if e.patient == patient]
        supersedes = draw(st.sampled_from([None, *(e.seq for e in earlier)]))
        void = supersedes is not None and draw(st.booleans())
        fact: f.Fact = (
            f.Voided() if void else f.MarkerMeasured(value=float(draw(st.integers(1, 999))), upper_limit=35.0)
        )
        events.append(
            Event(
                seq=seq,
                occurred=START + timedelta(days=draw(st.integers(0, 20))),
                author="x",
                kind=fact.kind,
                fact=fact,
                recorded=datetime(2030, 2, 1, tzinfo=UTC) + timedelta(hours=seq),
                patient=patient,
                supersedes=supersedes,
                prev=GENESIS,
                hash="",
            )
        )
    return events


@given(records(), st.lists(st.integers(0, 30), max_size=5), st.none() | st.integers(0, 20))
def test_batches_do_not_matter(events: list[Event], cuts: list[int], day: int | None) -> None:
    by = None if day is None else START + timedelta(days=day)
    whole = fold(events, occurred_by=by)
    state, done = State(occurred_by=by), 0
    for cut in [*sorted(cuts), len(events)]:
        state = fold(events[done:cut], onto=state)
        done = max(done, min(cut, len(events)))
    assert state == whole
    one_by_one = State(occurred_by=by)
    for event in events:
        one_by_one = one_by_one.with_event(event)
    assert one_by_one == whole
    for patient in whole.patients.values():
        assert one_by_one.patients[patient.id].of(f.MarkerMeasured) == patient.of(f.MarkerMeasured)


@given(records(), st.integers(1, 30), st.integers(0, 20))
def test_what_comes_later_never_changes_a_snapshot(events: list[Event], known: int, day: int) -> None:
    by = START + timedelta(days=day)
    then = fold(events[:known], occurred_by=by, recorded_by=known)
    assert fold(events, occurred_by=by, recorded_by=known) == then
    assert all(e.occurred <= by and e.seq <= known for p in then.patients.values() for e in p.events)


@given(records())
def test_what_is_superseded_is_out_of_effect_and_nothing_else(events: list[Event]) -> None:
    state = fold(events)
    effective = {e.seq for p in state.patients.values() for e in p.events}
    superseded = {e.supersedes for e in events}
    assert effective == {e.seq for e in events if e.seq not in superseded and e.kind != "voided"}


def test_replay_equals_live(trial: Trial, clock: Clock) -> None:
    pending = trial.pending_events()
    for patient in ("001", "002"):
        for fact in (
            f.Consented(),
            f.Screened(sex="F", tumour_type="ovarian"),
            f.Screened(sex="F", age=50, tumour_type="lung"),
        ):
            pending.add(fact, patient=patient, occurred=clock().date(), recorded=clock(), by="Dr A")
    live = pending.state
    trial.commit(pending)
    assert trial.state() == live


def test_a_correction_leaves_the_past_as_it_was(trial: Trial, clock: Clock) -> None:
    screen(trial, "001", age=50)
    before, seq = trial.state(), len(trial.events())
    screened = trial.state().patients["001"].last(f.Screened)
    assert screened is not None
    clock.to("2030-03-01")
    trial.correct(screened.seq, by="Dr A", reason="source checked", age=51)
    assert trial.state(recorded_by=seq) == before
    now = trial.state().patients["001"].screening
    assert now is not None
    assert now.age == 51
    assert [e.supersedes for e in trial.events()][-1] == screened.seq
