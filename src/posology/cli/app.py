"""All commands, gathered."""

from __future__ import annotations

from typing import Annotated

import typer

from posology import __version__
from posology.cli import conducting, entering, planning, reporting

app = typer.Typer(
    name="posology",
    help="A first-in-human oncology trial, from protocol to readout. Start with `posology demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"posology {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


for room in (planning, conducting, entering, reporting):
    room.register(app)
