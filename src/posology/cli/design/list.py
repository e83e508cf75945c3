"""The designs that there are, and the rules that go around any of them, with their parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.operating.parameters import Parameter

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def designs(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A design or a rule: its parameters, with their meaning (else all)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the designs and the rules that go around any of them; with NAME, the parameters of one.

    Example: posology design list

    Example: posology design list boin
    """
    from posology.designs import DESIGNS
    from posology.operating.parameters import meaning, parameters_of
    from posology.protocol.build import RULES

    kinds: dict[str, dict[str, type]] = {"designs": DESIGNS, "rules": RULES}
    if name is not None:
        found = [(kind, each[name]) for kind, each in kinds.items() if name in each]
        if not found:
            raise ValueError(f"{name!r} is no design and no rule; there are: {', '.join([*DESIGNS, *RULES])}")
        for kind, cls in found:
            _show_one(name, kind, cls, as_json)
        return
    if as_json:

        def listed(each: dict[str, Any]) -> dict[str, Any]:
            return {n: {"what": meaning(c), "parameters": [vars(p) for p in parameters_of(c)]} for n, c in each.items()}

        print_json({kind: listed(each) for kind, each in kinds.items()})
        return
    titles = {"designs": "Designs (--design)", "rules": "Rules around any design (--rule)"}
    for kind, each in kinds.items():
        rows = [(n, meaning(c), ", ".join(_brief(p) for p in parameters_of(c))) for n, c in each.items()]
        print_table(titles[kind], ("Name", "What it is", "Parameters (default)"), rows)
    print("posology design list NAME explains the parameters of one")


def _brief(parameter: Parameter) -> str:
    return parameter.name if parameter.default is None else f"{parameter.name} ({parameter.default})"


def _show_one(name: str, kind: str, cls: type, as_json: bool) -> None:
    from posology.operating.parameters import meaning, parameters_of

    found = parameters_of(cls)
    if as_json:
        shown: dict[str, Any] = {"name": name, "kind": kind[:-1], "what": meaning(cls)}
        print_json(shown | {"parameters": [vars(p) for p in found]})
        return
    print(f"{name}: {meaning(cls)}")
    rows = [(p.name, p.type, "needed" if p.needed else p.default or "none", p.meaning) for p in found]
    how = "--set NAME=VALUE" if kind == "designs" else f"--rule '{name}:NAME=VALUE,...'"
    print_table(f"Parameters ({how})", ("Name", "Type", "Default", "Meaning"), rows)
