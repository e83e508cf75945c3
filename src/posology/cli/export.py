"""Write a record for elsewhere: a backup (JSON Lines), SDTM, ADaM, NONMEM data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import (
    ConventionsName,
    ConventionsOption,
    CutoffOption,
    FormatName,
    FormatOption,
    InfusionOption,
    JsonOption,
    KnownByOption,
    OutArgument,
    SpecimenOption,
    TrialArgument,
    options,
)
from posology.cli._output import print_json, print_table
from posology.cli.submission import ResponseChoices, formats_of, print_datasets
from posology.shared.text import counted

app = typer.Typer(no_args_is_help=True)
JsonlArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON Lines file: a whole record.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of SDTM datasets.")]


@app.command("jsonl")
def export_jsonl(trial: TrialArgument, file: JsonlArgument, as_json: JsonOption = False) -> None:
    """Write the whole record as JSON Lines, one event a line. It can be read back to the byte.

    An earlier backup of the same record is replaced; nothing else is.

    Example: posology export jsonl mytrial.posology backup.jsonl
    """
    from posology.record.jsonl import heads_to_replace, write
    from posology.record.store import Store

    with Store.open(trial) as store:
        store.check(heads_to_replace(file, store.trial))
        count = write(store.rows(), file)
    print_json({"events": count, "file": str(file)}) if as_json else print(f"wrote {counted(count, 'event')} to {file}")


@app.command("sdtm")
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
    from posology.record.snapshot import take_snapshot

    with Trial.open(trial) as opened, Console(stderr=True).status("reading the record") as status:
        state = take_snapshot(opened.events(), cutoff, today=opened.today()).state if cutoff else opened.state()
        made = run(state, folder, format=format_.value, progress=status.update)
    if as_json:
        print_json({"datasets": {d.name: d.frame.height for d in made}, "folder": str(folder), "cutoff": cutoff})
        return
    print_table(
        f"SDTM{f' at {cutoff}' if cutoff else ''}",
        ("Dataset", "Label", "Rows", "Variables"),
        [(d.name, d.label, d.frame.height, d.frame.width) for d in made],
    )
    print(f"wrote {counted(len(made), 'dataset')} to {folder}")


@app.command("nonmem")
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
    """Write doses, concentrations and covariates as NONMEM event data into a new file, and a key with the unit of each
    column.

    Example: posology export nonmem mytrial.posology pk.csv --cutoff 2013-05-10
    """
    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.nonmem_write import columns
    from posology.interchange.pk.nonmem_write import export_nonmem as run
    from posology.interchange.pk.sources import from_record
    from posology.shared.files import holds_record

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
    if file.exists() and not holds_record(file):
        raise ValueError(f"{file} is there already: name a new file")
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


@app.command("adam")
@options
def export_adam(
    trial: TrialArgument,
    out: OutArgument,
    choices: ResponseChoices,
    cutoff: CutoffOption = None,
    formats: FormatOption = None,
    conventions: ConventionsOption = ConventionsName.recist,
    pp: Annotated[
        Path | None,
        typer.Option(
            "--pp", metavar="FILE", help="SDTM PP of `posology pk nca TRIAL --pp FILE`, for ADPP (else there is none)."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write analysis datasets (ADaM) of the record at a data cutoff, with their Define-XML 2.1.

    Example: posology export adam mytrial.posology adam --cutoff 2013-05-10
    """
    from rich.console import Console

    from posology.conduct.trial import Trial
    from posology.interchange.adam.analysis import export
    from posology.interchange.adam.record import rules_of, study_of
    from posology.interchange.adam.source import SdtmSource
    from posology.interchange.pk.parameters_domain import parameters_of
    from posology.interchange.sdtm.writer.write import datasets
    from posology.record.snapshot import take_snapshot

    with Trial.open(trial) as opened, Console(stderr=True).status("reading the record") as status:
        state = take_snapshot(opened.events(), cutoff, today=opened.today()).state if cutoff else opened.state()
        protocol = state.protocol()
        domains = {d.name: d.frame for d in datasets(state)}
        if pp:
            domains["PP"] = parameters_of(pp, domains["DM"]["USUBJID"].to_list())
        source = SdtmSource(domains, cutoff=state.occurred_by)
        status.update("deriving")
        files, made = export(
            source,
            out,
            choices.applied(rules_of(protocol, conventions.value)),
            formats_of(formats),
            study_of(protocol),
        )
    print_datasets(files, made, out, as_json)
