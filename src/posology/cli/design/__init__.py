"""A design before anyone is treated."""

from __future__ import annotations

import typer

from posology.cli.design import calibrate, compare, list, next, oc, pathways, section, study, table

app = typer.Typer(no_args_is_help=True)
for module in (list, oc, compare, table, next, pathways, study, section):
    app.add_typer(module.app)
app.add_typer(
    calibrate.app,
    name="calibrate",
    help="Choose a design's parameters: skeletons, sample size, what a prior is worth, a search.",
)
