"""What the committee decided, beside what the rule advised."""

from __future__ import annotations

from posology.readout.cited import TableBody, cite
from posology.readout.results.trial_results import TrialResults
from posology.shared.text import counted


def decisions(results: TrialResults) -> TableBody:
    """List the committee's decisions, each beside the rule's advice."""
    rows = []
    for decided in results.state.trial.decisions:
        fact, advice = decided.fact, decided.fact.advice or {}
        at = f" level {fact.level}, {results.protocol.dose.dose_label(fact.level)}" if fact.level else ""
        rule = (
            f"{advice.get('action', '')} level {advice['level']}"
            if advice.get("level")
            else str(advice.get("action", ""))
        )
        signed = "; ".join(f"{s.fact.name}, {s.occurred}" for s in decided.signatures)  # type: ignore[attr-defined]
        sources = [decided.event, *decided.signatures]
        rows.append(
            (
                cite(fact.number, [decided.event]),
                cite(decided.event.occurred, [decided.event], "occurred"),
                cite(
                    f"{fact.action}{at}" + (f", {counted(fact.slots, 'patient')}" if fact.slots else ""),
                    [decided.event],
                    "action",
                    "level",
                ),
                cite(f"{rule}: {advice.get('why', '')}", [decided.event], "advice"),
                cite("departs from the rule" if fact.departs else "as the rule", [decided.event], "departs"),
                cite(fact.why, [decided.event], "why"),
                cite(fact.protocol_version, [decided.event]),
                cite(signed or "not signed", sources, "name"),
            )
        )
    columns = (
        "No.",
        "Date",
        "Decision",
        "The rule's advice that day",
        "Followed",
        "The committee's reason",
        "Protocol",
        "Signed",
    )
    return TableBody(columns, tuple(rows))
