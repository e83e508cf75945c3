"""Commands on a protocol file: check it, compare two versions, give its schema to an editor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import console, print_json

app = typer.Typer(no_args_is_help=True)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A protocol file (YAML).")]
VersionArgument = Annotated[
    str, typer.Argument(metavar="FILE[@VERSION]", help="A protocol file; @VERSION picks one of its versions.")
]


@app.command("check")
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Check a protocol file: every error at once, or the synopsis of the trial.

    Example: posology protocol check protocol.yaml
    """
    from posology.protocol.load import load_document
    from posology.protocol.model import protocol_from
    from posology.protocol.synopsis import synopsis
    from posology.shared.yaml_files import InputFileError

    try:
        checked = load_document(file)
    except InputFileError as error:
        if as_json:
            print_json({"ok": False, "errors": [vars(finding) for finding in error.findings]})
        else:
            count = len(error.findings)
            print("\n".join(map(str, error.findings)))
            print(f"{count} error{'s' * (count != 1)} in {file}")
        raise typer.Exit(1) from None
    sections = synopsis(protocol_from(checked))
    if as_json:
        print_json({"ok": True, "synopsis": {s.title: [vars(line) for line in s.lines] for s in sections}})
        return
    show_synopsis(sections)


def show_synopsis(sections: Any) -> None:
    """Print a synopsis, each value with the mark of its origin."""
    from rich.padding import Padding
    from rich.table import Table

    out = console()
    marked = any(line.mark for section in sections for line in section.lines)
    for section in sections:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(min_width=22, style="dim")
        grid.add_column(overflow="fold")
        last = ""
        for line in section.lines:
            tag = f"  [{line.mark}]" if line.mark else ""
            grid.add_row(
                line.label if line.label != last else "", line.text.replace("[", r"\[") + tag.replace("[", r"\[")
            )
            last = line.label
        out.print(section.title, style="bold", markup=False)
        out.print(Padding(grid, (0, 0, 1, 2)))
    if marked:
        out.print(r"\[stated] in the release, \[published] elsewhere, \[assumed] by this reconstruction", style="dim")


@app.command("diff")
def diff(old: VersionArgument, new: VersionArgument, as_json: JsonOption = False) -> None:
    """Say in words what changed between two versions of a protocol.

    Example: posology protocol diff protocol.yaml@1.0 protocol.yaml@2.0
    """
    from posology.protocol.diff import differences

    found = list(differences(_version(old), _version(new)))
    if as_json:
        print_json({"differences": found})
        return
    print("\n".join(found) if found else "no difference")


def _version(text: str) -> dict[str, Any]:
    from posology.protocol.amendments import versions
    from posology.protocol.load import load_document

    file, at, wanted = text.rpartition("@")
    if not at or not Path(file).exists():
        return load_document(text)
    chain = versions(load_document(file))
    for version in chain:
        if version["trial"]["version"] == wanted:
            return version
    held = ", ".join(v["trial"]["version"] for v in chain)
    raise ValueError(f"{file} has no version {wanted!r}; it has {held}")


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of a protocol file, for editors that complete and check while you type.

    Example: posology protocol schema
    """
    from posology.protocol.load import protocol_schema as drawn

    print_json(drawn())
