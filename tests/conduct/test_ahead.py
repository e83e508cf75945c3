"""What the next outcomes would mean: the design's own words on each."""

from __future__ import annotations

from posology.conduct.ahead import look_ahead
from posology.conduct.readiness import gaps, readiness
from posology.conduct.trial import Trial
from posology.record import facts as f
from tests.conftest import Clock, decide, treat


def looked(trial: Trial) -> list[tuple[int, int, int, str, int | None]]:
    rows = look_ahead(trial.state(), trial.today(), trial.advise())
    return [(a.dlts, a.patients, a.level, a.action, a.to_level) for a in rows]


def test_of_the_3_plus_3(trial: Trial, clock: Clock) -> None:
    """The published rule: 0 of 3 up, 1 of 3 three more, 2 or 3 of 3 down; 1 of 6 up."""
    treat(trial, "001", 1)
    assert looked(trial)[0] == (0, 1, 1, "escalate", 2), "titration: one patient a level"
    clock.to("2030-02-20")
    decide(trial, "escalate", 2, 3)
    assert looked(trial)[0][:3] == (0, trial.advise().more, 2)
    for name in ("002", "003", "004"):
        treat(trial, name, 2)
    rows = looked(trial)
    assert [(dlts, n, level) for dlts, n, level, _, _ in rows] == [(k, 3, 2) for k in range(4)]
    assert [action for *_, action, _ in rows][:2] == ["escalate", "expand"]
    assert all(action in ("de-escalate", "declare MTD", "expand") and to == 1 for *_, action, to in rows[2:])


def test_it_says_what_the_design_will_say(trial: Trial, clock: Clock) -> None:
    """Once the outcomes are known, the advice is the row that was shown."""
    treat(trial, "001", 1)
    shown = look_ahead(trial.state(), trial.today(), trial.advise())[0]
    clock.to("2030-03-01")
    then = trial.advise()
    assert (then.action, then.level) == (shown.action, shown.to_level)


def test_readiness_names_what_is_open(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    windows, judged, _, _, ends = readiness(trial.state(), trial.today())
    assert "001 is on day" in windows.open[0] and judged.ready and ends.ready
    trial.record(f.AdverseEvent(ae="1", term="Keratitis", grade=3, related=True), patient="001", by="Dr A")
    windows, judged, _, _, ends = readiness(trial.state(), trial.today())
    assert windows.ready and "waits for the judgement of adverse event 1" in judged.open[0]
    assert "Keratitis grade 3" in ends.open[0] and "1 open" in gaps(readiness(trial.state(), trial.today()))
