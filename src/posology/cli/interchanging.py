"""Commands that move a record: to and from JSON Lines (a backup) and CDISC SDTM (other people's systems)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posology.cli.common import ByOption, JsonOption, KnownByOption, TrialArgument, day, print_json, print_table
from posology.cli.measuring import InfusionOption, SpecimenOption
from posology.cli.submitting import export_adam

JsonlArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON Lines file: a whole record.")]
CutoffOption = Annotated[
    date | None,
    typer.Option("--cutoff", metavar="DATE", parser=day, help="The data cutoff (else all that is recorded)."),
]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of SDTM datasets.")]


class FormatName(StrEnum):
    """The formats in which SDTM is written."""

    xpt = "xpt"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    csv = "csv"


class ReaderName(StrEnum):
    """Whose reading of the scans is the trial's own."""

    investigator = "investigator"
    independent = "independent"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    moves: dict[str, tuple[str, dict[str, Callable[..., None]]]] = {
        "export": (
            "Write a record for elsewhere: a backup (jsonl), SDTM, analysis datasets (adam), NONMEM data.",
            {"jsonl": export_jsonl, "sdtm": export_sdtm, "adam": export_adam, "nonmem": export_nonmem},
        ),
        "import": (
            "Read a record from elsewhere: a backup (jsonl), or SDTM.",
            {"jsonl": import_jsonl, "sdtm": import_sdtm},
        ),
    }
    for name, (help_, commands) in moves.items():
        group = typer.Typer(help=help_, no_args_is_help=True)
        for format_, command in commands.items():
            group.command(format_)(command)
        group.callback()(lambda: None)
        app.add_typer(group, name=name, rich_help_panel="Keep")


def export_jsonl(trial: TrialArgument, file: JsonlArgument, as_json: JsonOption = False) -> None:
    """Write the whole record as JSON Lines, one event a line. It can be read back to the byte.

    Example: posology export jsonl mytrial.posology backup.jsonl
    """
    from posology.record.jsonl import write
    from posology.record.store import Store

    with Store.open(trial) as store:
        count = write(store.rows(), file)
    print_json({"events": count, "file": str(file)}) if as_json else print(f"wrote {count} events to {file}")


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
        f"read {len(rows)} events of {name} into {trial}"
    )


def import_sdtm(
    folder: FolderArgument,
    trial: TrialArgument,
    protocol: Annotated[
        Path | None,
        typer.Option("--protocol", help="The trial's protocol file (else one is derived: arms as cohorts)."),
    ] = None,
    reader: Annotated[
        ReaderName, typer.Option("--reader", help="Whose reading of the scans is the trial's own.")
    ] = ReaderName.investigator,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", metavar="NAME", help="A dataset not to read; may be given again.")
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
    print(f"recorded {sum(made.events.values())} events in {trial}; the whole report is in {place}")


SHOWN = 10


def _beside(trial: str) -> Path:
    name = trial.split("#")[-1].rsplit("/", 1)[-1] if "://" in trial else trial
    return Path(f"{name}.import.json")


def export_sdtm(
    trial: TrialArgument,
    folder: FolderArgument,
    format_: Annotated[FormatName, typer.Option("--format", help="The format of the datasets.")] = FormatName.xpt,
    cutoff: CutoffOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the record as CDISC SDTM into a new folder, of all that had occurred by a cutoff.

    Example: posology export sdtm mytrial.posology sdtm --format xpt --cutoff 2013-05-10
    """
    from rich.console import Console

    from posology.conduct.trial import Trial
    from posology.interchange.sdtm.writer.write import export_sdtm as run

    with Trial.open(trial) as opened, Console(stderr=True).status("reading the record") as status:
        made = run(
            opened.state(occurred_by=cutoff), folder, format=format_.value, cutoff=cutoff, progress=status.update
        )
    if as_json:
        print_json({"datasets": {d.name: d.frame.height for d in made}, "folder": str(folder), "cutoff": cutoff})
        return
    print_table(
        f"SDTM{f' at {cutoff}' if cutoff else ''}",
        ("Dataset", "Label", "Rows", "Variables"),
        [(d.name, d.label, d.frame.height, d.frame.width) for d in made],
    )
    print(f"wrote {len(made)} datasets to {folder}")


def export_nonmem(
    trial: TrialArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV file; FILE.json beside it is the key.")],
    cutoff: CutoffOption = None,
    known_by: KnownByOption = None,
    analyte: Annotated[
        str | None, typer.Option("--analyte", metavar="TEST", help="This one alone (else all, one DVID each).")
    ] = None,
    specimen: SpecimenOption = None,
    infusion: InfusionOption = None,
    hours: Annotated[bool, typer.Option("--hours", help="TIME in hours (else days), RATE in mg/h.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write doses, concentrations and covariates as NONMEM event data, and a key with the unit of each column.

    Example: posology export nonmem mytrial.posology pk.csv --cutoff 2013-05-10
    """
    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.nonmem_write import columns
    from posology.interchange.pk.nonmem_write import export_nonmem as run
    from posology.interchange.pk.sources import from_record

    made = from_record(
        trial,
        analyte=analyte,
        specimen=specimen,
        cutoff=cutoff,
        known_by=end_of_day(known_by) if known_by else None,
        time="h" if hours else "d",
        infusion=infusion,
    )
    about = {"trial": trial, "cutoff": cutoff, "known_by": known_by}
    key = run(made, file, about)
    if as_json:
        print_json(
            {
                "file": str(file),
                "key": str(key),
                **about,
                "analytes": [vars(a) for a in made.analytes],
                "notes": made.notes,
                "left_out": made.left,
            }
        )
        return
    doses = sum(e.evid == 1 for e in made.data.events)
    some = len(dict(made.data.by_patient()))
    print_table(
        f"{some} patient{'s' * (some != 1)}, {doses} dose{'s' * (doses != 1)}",
        ("DVID", "analyte", "specimen", "unit", "samples", "below quantification"),
        [(n, a.code, a.specimen, a.unit, a.samples, a.below) for n, a in enumerate(made.analytes, 1)],
    )
    held = file.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    print_table("columns", ("column", "what", "unit or key"), [row for row in columns(made) if row[0] in held])
    for text in (*made.notes, *(f"left out: {text}" for text in made.left)):
        print(text)
    print(f"wrote {file}, and its key {key}")
