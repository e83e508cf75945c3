"""The designs that there are, and the rules that go around any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def designs(as_json: JsonOption = False) -> None:
    """List the designs, and the rules that go around any of them, with their parameters.

    Example: posology design list
    """
    from dataclasses import fields

    from posology.designs import DESIGNS
    from posology.protocol.build import RULES

    told = lambda cls: [f.name for f in fields(cls) if f.name not in ("levels", "start", "design")]
    brief = lambda cls: (cls.__doc__ or "").strip().splitlines()[0]
    if as_json:
        listed = lambda kinds: {n: {"what": brief(c), "parameters": told(c)} for n, c in kinds.items()}
        print_json({"designs": listed(DESIGNS), "rules": listed(RULES)})
        return
    for title, kinds in (("Designs (--design)", DESIGNS), ("Rules around any design (--rule)", RULES)):
        rows = [(name, brief(cls), ", ".join(told(cls))) for name, cls in kinds.items()]
        print_table(title, ("Name", "What it is", "Parameters"), rows)
