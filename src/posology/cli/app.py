"""All commands, gathered."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from posology import __version__
from posology.cli import (
    behaving,
    conducting,
    drugging,
    entering,
    exposing,
    fitting,
    influencing,
    interchanging,
    measuring,
    planning,
    reporting,
    simulating,
    studying,
    submitting,
    virtualising,
)

PANELS = ("Start", "Plan", "Record: the patient", "Record: the trial", "Look", "Measure", "Report", "Keep")


class Sections(TyperGroup):
    """Lists the commands by section, in plain text: drawing help with rich would triple the time it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each section with its commands, in the order they were added."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.commands[name]
            panel = getattr(command, "rich_help_panel", None)
            sections.setdefault(str(panel), []).append((name, command.get_short_help_str(limit=90)))
        for panel, rows in sorted(sections.items(), key=lambda section: PANELS.index(section[0])):
            with formatter.section(panel):
                formatter.write_dl(rows)


app = typer.Typer(
    name="posology",
    cls=Sections,
    rich_markup_mode=None,
    help="A first-in-human oncology trial, from protocol to readout. Start with `posology demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
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


for room in (
    planning,
    behaving,
    studying,
    virtualising,
    simulating,
    drugging,
    influencing,
    measuring,
    exposing,
    fitting,
    conducting,
    entering,
    interchanging,
    reporting,
    submitting,
):
    room.register(app)
