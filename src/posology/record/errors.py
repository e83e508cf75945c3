"""What a store says when it cannot be used."""

from __future__ import annotations

from collections.abc import Sequence


class StoreError(Exception):
    """A store that cannot be used, and why."""


class Conflict(StoreError):
    """Somebody else wrote to the record since it was read."""


class Tampered(StoreError):
    """The record is not as it was written. ``findings`` says what was done to it."""

    def __init__(self, name: str, findings: Sequence[object]) -> None:
        self.findings = tuple(findings)
        shown = [f"  {finding}" for finding in self.findings[:5]]
        if len(self.findings) > len(shown):
            shown.append(f"  ... and {len(self.findings) - len(shown)} more")
        super().__init__(
            "\n".join(
                [
                    f"{name} is not as it was written, so nothing is read from it or written to it:",
                    *shown,
                    f"`posology trial verify {name}` shows all; a backup that was exported earlier can be restored",
                ]
            )
        )
