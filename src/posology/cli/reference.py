"""The reference of all commands, a page for each group, written from their own help: ``python -m posology.cli.reference
DIR``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from posology.cli.app import EXAMPLE, GROUPS, app

START = "start"
"""The page of the commands that belong to no group."""


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    program: Any = get_command(app)
    first = [name for name in program.list_commands(None) if name not in GROUPS]
    intro = "Commands to start with. `posology --install-completion` makes the shell complete them all."
    made = {f"{START}.md": _page("posology", intro, ((name, program.get_command(None, name)) for name in first))}
    for name, about in GROUPS.items():
        made[f"{name}.md"] = _page(f"posology {name}", about, _leaves(program.get_command(None, name)))
    return made


def _leaves(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Return all commands of a group, and of the groups in it, by the words that call them."""
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from _leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def _page(title: str, about: str, commands: Iterator[tuple[str, Any]]) -> str:
    parts = [f"# {title}", "<!-- written by `make reference` from the commands' own help -->", about]
    for name, command in commands:
        of_program = title.removeprefix("posology").strip()
        words = " ".join(filter(None, ("posology", of_program, name)))
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        parts += [f"## {words}", _prose(command.help)]
        if command.epilog:
            lines = command.epilog.split(EXAMPLE.strip(), 1)[1].strip().splitlines()
            parts.append("\n".join(["```console", *(f"$ {line.strip()}" for line in lines), "```"]))
        rows = [(f"`{p.metavar or p.name}`", p.help or "", "" if p.required else " ") for p in arguments]
        rows += [(f"`{_flags(p)}`", *_explained(p)) for p in command.params if p.param_type_name == "option"]
        parts.append("\n".join(["| | | default |", "|---|---|---|", *(_row(row) for row in rows)]))
    return "\n\n".join(parts) + "\n"


def _prose(text: str | None) -> str:
    """Return help as paragraphs, each on one line."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _flags(option: Any) -> str:
    """Return an option as it is written: its name, what it takes, and what turns it off."""
    name = "/".join([option.opts[0], *option.secondary_opts[:1]])
    if option.is_flag:
        return name
    choices = getattr(option.type, "choices", None)
    return f"{name} {'|'.join(map(str, choices)) if choices else option.metavar or option.type.name.upper()}"


def _explained(option: Any) -> tuple[str, str]:
    """Return what an option is, and its default."""
    text, required, shown = (option.help or "").partition("  [")
    if required:  # an event's field: its default is told in its help
        default = shown.removesuffix("]").removeprefix("default: ")
    elif option.required:
        default = "required"
    else:
        silent = option.default is None or option.is_flag or option.default in ("", ())
        default = "" if silent else str(getattr(option.default, "value", option.default))
    return text, default


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.strip().replace("|", "\\|") for cell in cells) + " |"


def write(folder: Path) -> None:
    """Write the pages to a folder, and remove those of groups that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in folder.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
