"""Commands on a design before anyone is treated: its decision table, its exact operating characteristics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli.common import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from posology.designs import Design

DesignOption = Annotated[str | None, typer.Option("--design", help="The design: 3+3 or boin.")]
ProtocolOption = Annotated[Path | None, typer.Option("--protocol", help="A protocol file, for its design, instead.")]
LevelsOption = Annotated[int | None, typer.Option("--levels", help="Number of dose levels.")]
TargetOption = Annotated[float | None, typer.Option("--target", help="Target DLT rate.")]
CohortOption = Annotated[int | None, typer.Option("--cohort", help="Patients a cohort.")]
MaxOption = Annotated[int | None, typer.Option("--max", help="Patients in all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: dict[str, Callable[..., None]] = {"oc": oc, "table": table}
    for name, command in commands.items():
        app.command(name, rich_help_panel="Plan")(command)


def _built(
    design: str | None,
    protocol: Path | None,
    levels: int | None,
    target: float | None,
    cohort: int | None,
    most: int | None,
) -> Design:
    """Build the design that the options name, or the protocol's."""
    from pydantic import ValidationError

    from posology.protocol.building import design as of_protocol
    from posology.protocol.building import design_of
    from posology.protocol.model import protocol_from
    from posology.protocol.reading import document

    if protocol is not None:
        return of_protocol(protocol_from(document(protocol)))
    if design is None or levels is None:
        raise ValueError("give --design and --levels, or --protocol")
    parameters: dict[str, Any] = {"method": design, "target": target, "cohort": cohort, "max_patients": most}
    try:
        return design_of(
            {name: value for name, value in parameters.items() if value is not None}, levels=levels, start=1
        )
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in error.errors())
        raise ValueError(f"{design}: {wrong}") from None


def oc(
    truth: Annotated[str, typer.Option("--truth", metavar="P1,P2,...", help="The true DLT rate of each level.")],
    design: DesignOption = None, protocol: ProtocolOption = None, levels: LevelsOption = None, target: TargetOption = None,
    cohort: CohortOption = None, most: MaxOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Give a design's exact operating characteristics under true DLT rates: no simulation, no error.

    Example: posology oc --design boin --target 0.3 --levels 5 --cohort 3 --max 30 --truth 0.05,0.15,0.3,0.45,0.6
    """
    from posology.operating import enumerate_trials

    try:
        rates = [float(rate) for rate in truth.split(",")]
    except ValueError:
        raise ValueError(f"--truth is {truth!r}: write a rate for each level, as 0.05,0.15,0.3") from None
    built = _built(design, protocol, levels, target, cohort, most)
    if len(rates) != built.levels:
        raise ValueError(f"--truth has {len(rates)} rates; the design has {built.levels} levels")
    found = enumerate_trials(built).under(rates)
    sizes, chance = found.size
    data: dict[str, Any] = {
        "truth": rates, "selection": found.selection[0, 1:].tolist(), "no_mtd": float(found.selection[0, 0]),
        "patients": found.patients[0].tolist(), "dlts": found.dlts[0].tolist(),
        "expected_patients": float(found.patients[0].sum()), "expected_dlts": float(found.dlts[0].sum()),
        "sample_size": {int(n): float(p) for n, p in zip(sizes, chance[0], strict=True)}, "exact": True, "ends": len(found.ends.ways),
    }  # fmt: skip
    if target is not None:
        data |= {
            "target": target,
            "correct": float(found.correct(target)[0]),
            "overdosed_60": float(found.overdosed(target)[0]),
        }
    if as_json:
        print_json(data)
        return
    rows = [
        (
            k + 1,
            f"{rate:g}",
            f"{100 * data['selection'][k]:.2f}",
            f"{data['patients'][k]:.2f}",
            f"{data['dlts'][k]:.2f}",
        )
        for k, rate in enumerate(rates)
    ]
    print_table(
        "Exact operating characteristics", ("Level", "True DLT rate", "Selected as MTD (%)", "Patients", "DLTs"), rows
    )
    print(
        f"no MTD: {100 * data['no_mtd']:.2f} %; {data['expected_patients']:.2f} patients and {data['expected_dlts']:.2f} DLTs expected"
    )
    if target is not None:
        print(
            f"correct selection: {100 * data['correct']:.2f} %; over 60 % of patients above the MTD: {100 * data['overdosed_60']:.2f} %"
        )


def table(
    protocol: Annotated[Path, typer.Argument(metavar="PROTOCOL", help="A protocol file.")], as_json: JsonOption = False
) -> None:
    """Print the decision table of a protocol's design: for each number of patients at a level and of DLTs, what to do."""
    from posology.protocol.building import decision_table
    from posology.protocol.model import protocol_from
    from posology.protocol.reading import document

    rows = decision_table(protocol_from(document(protocol)))
    if as_json:
        print_json([{"patients": n, "dlts": dlts, "action": action} for n, dlts, action in rows])
        return
    print_table("Decision table at a level", ("Patients evaluable", "DLTs", "What to do"), rows)
