"""What an import made of the data, and what it did not understand: nothing is left out without a word here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from posology.shared.findings import Finding
from posology.shared.text import counted

SHOWN = 3


@dataclass(frozen=True)
class NotUnderstood:
    """A variable, some of its values, or a whole domain that was not taken: where, how many rows, examples, and why."""

    domain: str
    variable: str
    rows: int
    examples: tuple[str, ...]
    why: str
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        of = f"{self.domain}.{self.variable}" if self.variable else self.domain
        shown = f" (such as {', '.join(self.examples)})" if self.examples else ""
        return f"{of}: {self.rows} row{'s' * (self.rows != 1)}{shown}: {self.why}"


@dataclass
class Report:
    """The report of an import.

    ``files`` are the files read with their SHA-256, ``rows`` how many rows each domain had and how many of them became
    events, ``events`` how many events of each kind were made, ``rules`` what was done where the data leave a choice,
    with how often. ``left`` is how many rows of a domain made nothing: each is named below as not understood.
    """

    files: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    not_understood: list[NotUnderstood] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    rules: Counter[str] = field(default_factory=Counter)
    protocol: str = ""

    def find(self, patient: str, on: Any, field: str, wrong: str, right: str = "") -> None:
        """Add a finding."""
        self.findings.append(Finding(patient, on, field, wrong, right))

    def add_not_understood(
        self, domain: str, variable: str, values: Iterable[object], why: str, files: Iterable[str] = ()
    ) -> None:
        """Add values that were not understood; nothing if there are none."""
        held = [str(value) for value in values if value is not None]
        if held:
            examples = tuple(dict.fromkeys(held))[:SHOWN]
            self.not_understood.append(NotUnderstood(domain, variable, len(held), examples, why, tuple(files)))

    def plain(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "protocol": self.protocol,
            "files": self.files,
            "rows": self.rows,
            "events": dict(self.events),
            "rules": dict(self.rules),
            "not_understood": [asdict(n) for n in self.not_understood],
            "findings": [
                {
                    "patient": f.patient,
                    "on": f.on.isoformat() if f.on else None,
                    "field": f.field,
                    "wrong": f.wrong,
                    "right": f.right,
                }
                for f in self.findings
            ],
        }

    def text(self) -> str:
        """Write the report for people."""
        lines = [f"protocol: {self.protocol}", "", "read:"]
        lines += [f"  {domain}: {counted(count, 'row')}" for domain, count in self.rows.items()]
        lines += ["", "recorded:", *(f"  {kind.replace('_', ' ')}: {n}" for kind, n in self.events.items())]
        lines += ["", "where the data leave a choice:", *(f"  {rule}: {n}" for rule, n in self.rules.items())]
        lines += ["", f"not understood ({len(self.not_understood)}):", *(f"  {n}" for n in self.not_understood)]
        lines += ["", f"findings ({len(self.findings)}):", *(f"  {f}" for f in self.findings)]
        return "\n".join(lines) + "\n"
