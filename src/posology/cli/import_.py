"""Read a record from elsewhere: a backup (JSON Lines), or SDTM."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import ByOption, JsonOption, TrialArgument
from posology.cli._output import print_json, print_table
from posology.shared.text import counted

app = typer.Typer(no_args_is_help=True)
JsonlArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON Lines file: a whole record.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of SDTM datasets.")]


class ReaderName(StrEnum):
    """Whose reading of the scans is the trial's own."""

    investigator = "investigator"
    independent = "independent"


@app.command("jsonl")
def import_jsonl(file: JsonlArgument, trial: TrialArgument, as_json: JsonOption = False) -> None:
    """Read a whole record from JSON Lines into a new trial, after checking its chain.

    Example: posology import jsonl backup.jsonl restored.posology
    """
    from posology.record.jsonl import read
    from posology.record.store import Store

    rows, name = read(file)
    with Store.create(trial, name, rows):
        pass
    print_json({"events": len(rows), "trial": name}) if as_json else print(
        f"read {counted(len(rows), 'event')} of {name} into {trial}"
    )


@app.command("sdtm")
def import_sdtm(
    folder: FolderArgument,
    trial: TrialArgument,
    protocol: Annotated[
        Path | None,
        typer.Option(
            "--protocol", metavar="FILE", help="The trial's protocol file (else one is derived: arms as cohorts)."
        ),
    ] = None,
    reader: Annotated[
        ReaderName, typer.Option("--reader", help="Whose reading of the scans is the trial's own.")
    ] = ReaderName.investigator,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="NAME", help="A dataset not to read (else all are); may be given again."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Where the report goes (else TRIAL.import.json).")
    ] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read CDISC SDTM (xpt, Dataset-JSON, Parquet, CSV) into a new trial, with a report of what was not understood.

    Example: posology import sdtm sdtm mytrial.posology --protocol protocol.yaml
    """
    from rich.console import Console

    from posology.conduct.trial import current_user
    from posology.interchange.sdtm.reader.read import import_sdtm as run
    from posology.protocol.load import load_document

    plan = load_document(protocol) if protocol else None
    place = report or _beside(trial)
    with Console(stderr=True).status("reading") as status:
        made = run(
            folder,
            trial,
            by=by or current_user(),
            protocol=plan,
            reader=reader.value,
            leave_out=leave_out or (),
            report_to=place,
            progress=status.update,
        )
    if as_json:
        print_json({**made.plain(), "report": str(place)})
        return
    print_table(
        "recorded", ("Kind of event", "Events"), [(kind.replace("_", " "), n) for kind, n in made.events.items()]
    )
    if made.rules:
        print_table("where the data leave a choice", ("Rule", "Times"), made.rules.items())
    if made.not_understood:
        rows = [(n.domain, n.variable, n.rows, ", ".join(n.examples), n.why) for n in made.not_understood]
        print_table("not understood", ("Domain", "Variable", "Rows", "Such as", "Why"), rows)
    for finding in made.findings[:SHOWN]:
        print(finding)
    if len(made.findings) > SHOWN:
        print(f"... and {len(made.findings) - SHOWN} more findings")
    print(f"protocol: {made.protocol}")
    print(f"recorded {counted(sum(made.events.values()), 'event')} in {trial}; the whole report is in {place}")


SHOWN = 10


def _beside(trial: str) -> Path:
    name = trial.split("#")[-1].rsplit("/", 1)[-1] if "://" in trial else trial
    return Path(f"{name}.import.json")
