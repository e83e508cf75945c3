"""The program: its groups of commands, each imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

from posology import __version__
from posology.cli import demo, serve

GROUPS = {
    "protocol": "A protocol file: check it, compare two versions, its schema.",
    "design": "A dose-finding design before anyone is treated: operating characteristics, next dose, calibration.",
    "expansion": "Expansion cohorts: one arm, baskets that borrow, randomised doses, the optimal dose, two drugs.",
    "trial": "A trial's record: create, load, amend, look, the rule's advice, decide, lock, correct, verify.",
    "patient": "What happens to a patient: a command for each kind of event, and eligibility.",
    "pk": "What was measured of the drug: non-compartmental analysis, fits, exposure and response.",
    "simulate": "Virtual patients that carry the drug: designs on them, whole trials, regimens in plasma.",
    "sensitivity": "Which uncertain numbers matter, and how much: in the tumour, or for a trial.",
    "readout": "What a trial reports at a data cutoff: the readout, and claims checked against the record.",
    "export": "Write a record for elsewhere: a backup (jsonl), SDTM, ADaM, NONMEM data.",
    "import": "Read a record from elsewhere: a backup (jsonl), or SDTM.",
    "submission": "For submission: ADaM from SDTM, and whether datasets conform to the standard.",
}
"""Each group and what it is for; its commands are the module of its name."""


EXAMPLE = "Example: "
"""What stands before a command's example, the last paragraph of its help."""


def with_examples(command: Any) -> Any:
    """Set the example of a command, and of all below it, apart from its help: on a line of its own, which is not
    folded."""
    for below in getattr(command, "commands", {}).values():
        with_examples(below)
    text, *examples = (command.help or "").split(EXAMPLE) if command else ("",)
    if examples:
        command.help = text.strip()
        command.epilog = "\n".join([f"\b\n{EXAMPLE.strip()}", *(f"  {' '.join(each.split())}" for each in examples)])
    return command


class Groups(TyperGroup):
    """The commands of the program; a group is imported when it is called, not when help is shown."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names: first those to start with, then the groups."""
        return [*super().list_commands(ctx), *GROUPS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or a group, imported now."""
        if cmd_name not in GROUPS:
            return with_examples(super().get_command(ctx, cmd_name))
        module = import_module(f"posology.cli.{'import_' if cmd_name == 'import' else cmd_name}")
        info = TyperInfo(module.app, name=cmd_name, help=GROUPS[cmd_name])
        return with_examples(
            get_group_from_info(info, pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=None)
        )

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the names with what each is for, without importing a group."""
        known = {name: command.get_short_help_str(limit=90) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl([(name, (known | GROUPS)[name]) for name in self.list_commands(ctx)])


app = typer.Typer(
    name="posology",
    cls=Groups,
    rich_markup_mode=None,
    help="A first-in-human oncology trial, from protocol to readout. Start with `posology demo`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
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


app.add_typer(demo.app)
app.add_typer(serve.app)
