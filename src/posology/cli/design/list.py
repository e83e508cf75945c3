"""The designs that there are, and the rules that go around any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def designs(as_json: JsonOption = False) -> None:
    """List the designs, and the rules that go around any of them, with their parameters.

    Example: posology design list
    """
    from posology.designs import DESIGNS
    from posology.protocol.build import RULES

    if as_json:
        print_json({"designs": _described(DESIGNS), "rules": _described(RULES)})
        return
    for title, kinds in (("Designs (--design)", DESIGNS), ("Rules around any design (--rule)", RULES)):
        rows = [(name, each["what"], ", ".join(each["parameters"])) for name, each in _described(kinds).items()]
        print_table(title, ("Name", "What it is", "Parameters"), rows)


def _described(kinds: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what each design or rule is, in a line, and its parameters."""
    own = lambda kind: [f.name for f in fields(kind) if f.name not in ("levels", "start", "design")]
    return {
        name: {"what": (kind.__doc__ or "").strip().splitlines()[0], "parameters": own(kind)}
        for name, kind in kinds.items()
    }
