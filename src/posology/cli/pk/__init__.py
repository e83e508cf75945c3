"""What was measured of the drug."""

from __future__ import annotations

import typer

from posology.cli.pk import exposure_response, fit, nca, simulate

app = typer.Typer(no_args_is_help=True)
for module in (nca, fit, simulate, exposure_response):
    app.add_typer(module.app)
