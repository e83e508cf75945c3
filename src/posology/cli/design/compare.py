"""Designs side by side under the same true DLT rates."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import typer

from posology.cli._design import (
    DesignOptions,
    DosesOption,
    SkeletonOption,
    StartLevelOption,
    TargetNeeded,
    TruthOption,
    numbers,
)
from posology.cli._options import JsonOption, number, options
from posology.cli._output import print_json, print_table
from posology.cli.design.oc import depends_on_time, exact

app = typer.Typer(no_args_is_help=True)
USUAL = ("3+3", "i3+3", "boin", "keyboard", "crm")
"""The designs that are compared where none is named."""


@app.command("compare")
@options
def compare(
    truth: TruthOption,
    target: TargetNeeded,
    design: Annotated[
        list[str] | None,
        typer.Option(
            "--design",
            metavar="NAME",
            help="A design; may be given again (else 3+3, i3+3, boin, keyboard and crm).",
        ),
    ] = None,
    cohort_size: Annotated[int, number("--cohort-size", "Patients in a cohort", least=1)] = 3,
    max_patients: Annotated[int, number("--max-patients", "Patients in all", least=1)] = 30,
    start_level: StartLevelOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set designs side by side under the same true DLT rates: exact operating characteristics.

    A usual design whose own margins do not fit the target is left out, and why is said.

    Example: posology design compare --target 0.3 --truth 0.05,0.15,0.3,0.45,0.6
    """
    from posology.designs import DESIGNS

    rates = [numbers(text, "--truth") for text in truth]
    found: dict[str, list[dict[str, Any]]] = {}
    left_out: dict[str, str] = {}
    for name in design or USUAL:
        has = {f.name for f in fields(DESIGNS[name])} if name in DESIGNS else set()
        named = DesignOptions(
            design=name,
            levels=len(rates[0]),
            target=target,
            cohort_size=cohort_size if "cohort" in has else None,
            max_patients=max_patients if "max_patients" in has else None,
            start_level=start_level,
            skeleton=skeleton if "skeleton" in has else None,
            doses=doses if "doses" in has else None,
        )
        try:
            built = named.build()
        except ValueError as error:
            if design:
                raise ValueError(str(error) if str(error).startswith(name) else f"{name}: {error}") from None
            left_out[name] = str(error).removeprefix(f"{name}: ")
            continue
        if depends_on_time(built):
            raise ValueError(f"{name} depends on time: simulate it with `posology design oc`, or in a study")
        found[name] = exact(built, rates, target)
    if not found:
        raise ValueError("; ".join(f"{name}: {why}" for name, why in left_out.items()))
    if as_json:
        print_json(
            {
                "target": target,
                "designs": {n: f[0] if len(f) == 1 else {"scenarios": f} for n, f in found.items()},
                "left_out": left_out,
            }
        )
        return
    for s, each in enumerate(rates):
        _show(target, each, {name: results[s] for name, results in found.items()})
    for name, why in left_out.items():
        print(f"left out: {name}: {why}")


def _show(target: float, rates: list[float], found: dict[str, dict[str, Any]]) -> None:
    """Print the designs under one scenario: level by level, and in short."""
    at = next(iter(found.values()))["true_mtd"] - 1
    columns = [
        "",
        *(f"level {j + 1}{' (MTD)' if j == at else ''}: {p:g}" for j, p in enumerate(rates)),
        "none",
        "all",
    ]
    rows: list[list[str]] = []
    for name, data in found.items():
        percent = [f"{100 * p:.1f} %" for p in (*data["selection"], data["no_mtd"])]
        rows.append([f"{name}: selected", *percent, ""])
        rows.append(["   patients", *(f"{n:.1f}" for n in data["patients"]), "", f"{data['expected_patients']:.1f}"])
    print_table(f"Exact operating characteristics, target {target:g}", columns, rows)
    summary = [
        (
            name,
            f"{100 * data['correct']:.1f}",
            f"{100 * data['overdosed_60']:.1f}",
            f"{data['accuracy']:.3f}",
            f"{data['expected_patients']:.1f}",
            f"{data['expected_dlts']:.1f}",
        )
        for name, data in found.items()
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
