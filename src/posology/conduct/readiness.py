"""Whether the data are ready for a decision: what is still open about the patients concerned, by name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.open_matters import open_matters
from posology.conduct.protocol_in_force import plan_in_force
from posology.conduct.review import open_queries
from posology.record.state import State


@dataclass(frozen=True)
class ReadinessItem:
    """One thing that should hold before a decision: ``text`` says what, ``open`` names what does not hold."""

    text: str
    open: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing of it is open."""
        return not self.open


def readiness(state: State, on: date) -> list[ReadinessItem]:
    """Return what should hold before the committee decides, and what of it does not."""
    plan = plan_in_force(state, on)
    statuses = dlt_statuses(state, plan, on)
    windows = tuple(str(s) for s in statuses if s.outcome == "pending")
    judged = tuple(str(s) for s in statuses if s.outcome == "awaiting judgement")
    matters = tuple(str(m) for m in open_matters(state, on))
    ungraded = tuple(
        f"{p.id}: {t.fact.term} grade {t.fact.grade} since {t.event.occurred}, its end is not recorded"
        for p in state.patients.values()
        if p.assigned_level is not None and p.death is None
        for t in p.toxicities
        if t.fact.grade >= 3 and t.resolved is None and t.fact.ended is None and t.fact.outcome is None
    )
    return [
        ReadinessItem("the DLT window of every patient is over", windows),
        ReadinessItem("every event that may be a DLT is judged, as it stands", judged),
        ReadinessItem("no decision or judgement waits", matters),
        ReadinessItem("no query about the data is open", tuple(map(str, open_queries(state)))),
        ReadinessItem("the end of every event of grade 3 or more is known", ungraded),
    ]


def gaps(items: list[ReadinessItem]) -> str:
    """Say in one line what is open; empty if nothing is."""
    return "; ".join(f"not so: {item.text} ({len(item.open):,} open)" for item in items if not item.ready)
