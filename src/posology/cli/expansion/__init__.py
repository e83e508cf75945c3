"""Expansion cohorts: designs of one arm, monitoring, estimates, and baskets that borrow."""

from __future__ import annotations

import typer

from posology.cli.expansion.baskets import baskets
from posology.cli.expansion.one_arm import estimate, monitor, single_stage, two_stage

app = typer.Typer(no_args_is_help=True)
app.command("two-stage")(two_stage)
app.command("single-stage")(single_stage)
app.command("monitor")(monitor)
app.command("estimate")(estimate)
app.command("baskets")(baskets)
