"""Designs side by side under the same true DLT rates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import DosesOption, JsonOption, SkeletonOption, StartOption
from posology.cli._output import print_json, print_table
from posology.cli.design.oc import depends_on_time, exact

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True)


TruthOption = Annotated[
    list[str], typer.Option("--truth", metavar="P1,P2,...", help="True DLT rate of each level; may come again.")
]


@app.command("compare")
def compare(
    truth: TruthOption,
    target: Annotated[float, typer.Option("--target", help="Target DLT rate.")],
    design: Annotated[
        list[str] | None, typer.Option("--design", metavar="NAME", help="A design; may come again. Five, if left out.")
    ] = None,
    cohort: Annotated[int, typer.Option("--cohort", help="Patients a cohort.")] = 3,
    most: Annotated[int, typer.Option("--max", help="Patients in all.")] = 30,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set designs side by side under the same true DLT rates: exact operating characteristics.

    Example: posology design compare --target 0.3 --truth 0.05,0.15,0.3,0.45,0.6
    """
    from dataclasses import fields

    from posology.cli._design import build, numbers
    from posology.designs import DESIGNS

    rates = [numbers(text, "--truth") for text in truth]
    names = design or ["3+3", "i3+3", "boin", "keyboard", "crm"]
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
        built = build(
            name,
            None,
            len(rates[0]),
            target,
            cohort if "cohort" in has else None,
            most if "max_patients" in has else None,
            start=start,
            skeleton=skeleton if "skeleton" in has else None,
            doses=doses if "doses" in has else None,
        )
        if depends_on_time(built):
            raise ValueError(f"{name} depends on time: simulate it with `posology design oc`, or in a study")
        found[name] = exact(built, rates, target)
    if as_json:
        print_json(
            {"target": target, "designs": {n: f[0] if len(f) == 1 else {"scenarios": f} for n, f in found.items()}}
        )
        return
    for s, each in enumerate(rates):
        at = min(range(len(each)), key=lambda j: abs(each[j] - target))
        columns = [
            "",
            *(f"level {j + 1}{' (MTD)' if j == at else ''}: {p:g}" for j, p in enumerate(each)),
            "none",
            "all",
        ]
        rows: list[list[str]] = []
        for name, results in found.items():
            data = results[s]
            percent = [f"{100 * p:.1f} %" for p in (*data["selection"], data["no_mtd"])]
            rows.append([f"{name}: selected", *percent, ""])
            rows.append(
                ["   patients", *(f"{n:.1f}" for n in data["patients"]), "", f"{data['expected_patients']:.1f}"]
            )
        print_table(f"Exact operating characteristics, target {target:g}", columns, rows)
        summary = [
            (
                name,
                f"{100 * r[s]['correct']:.1f}",
                f"{100 * r[s]['overdosed_60']:.1f}",
                f"{r[s]['accuracy']:.3f}",
                f"{r[s]['expected_patients']:.1f}",
                f"{r[s]['expected_dlts']:.1f}",
            )
            for name, r in found.items()
        ]
        heads = (
            "Design",
            "Correct (%)",
            "Over 60 % of patients above the MTD (%)",
            "Accuracy index",
            "Patients",
            "DLTs",
        )
        print_table("In short", heads, summary)
