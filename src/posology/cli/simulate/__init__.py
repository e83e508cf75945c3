"""Virtual patients that carry the drug."""

from __future__ import annotations

import typer

from posology.cli.simulate import designs, regimens, trial

app = typer.Typer(no_args_is_help=True)
for module in (designs, trial, regimens):
    app.add_typer(module.app)
