"""Commands that report: readout, claims, the demonstration."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
