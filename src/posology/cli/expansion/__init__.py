"""Expansion cohorts: designs of one arm, monitoring, estimates, and baskets that borrow."""

from __future__ import annotations

import typer

from posology.cli.expansion import baskets, estimate, monitor, single_stage, two_stage

app = typer.Typer(no_args_is_help=True)
for module in (two_stage, single_stage, monitor, estimate, baskets):
    app.add_typer(module.app)
