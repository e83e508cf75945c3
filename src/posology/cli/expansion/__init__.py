"""Expansion cohorts: one arm, baskets that borrow, randomised doses, the optimal dose, two drugs."""

from __future__ import annotations

import typer

from posology.cli.expansion import (
    baskets,
    combination,
    estimate,
    late_responses,
    merit,
    monitor,
    optimal_dose,
    pick_winner,
    single_stage,
    survival,
    toxicity,
    two_stage,
)

app = typer.Typer(no_args_is_help=True)
for module in (
    two_stage,
    single_stage,
    monitor,
    late_responses,
    toxicity,
    survival,
    estimate,
    baskets,
    merit,
    pick_winner,
    optimal_dose,
    combination,
):
    app.add_typer(module.app)
