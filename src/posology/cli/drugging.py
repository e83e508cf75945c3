"""The command on the drug in plasma: exposure under regimens, by the measure of body size."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posology.cli.common import JsonOption, print_json, print_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("pk", rich_help_panel="Plan")(pk)


def pk(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|body-size", help="A file of regimens (YAML), or `body-size` for that comparison."),
    ],
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw it: a .png, .svg or .html file.")
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the table as CSV.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate regimens of a conjugate in virtual patients: exposure with prediction intervals, table and figure.

    Example: posology pk regimens.yaml --figure exposure.png
    """
    from posology import __version__
    from posology.readout import exposure
    from posology.readout.drawing import save_chart

    if figure is not None and figure.suffix not in (".png", ".svg", ".html"):
        raise ValueError(f"--figure is {figure}: it must end in .png, .svg or .html")
    if file == "body-size":
        if figure is not None:
            raise ValueError("body-size has no figure: leave --figure out")
        table = exposure.body_size_table()
        _show(table, table, csv, as_json, {"table": table.rows()})
        return
    held = exposure.read(file)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        progress.add_task("simulating", total=None)
        found = exposure.simulate(held)
    table = exposure.table(held, found)
    used = held.drug.quantities()
    evidence = {name: {"value": q.value, "unit": q.unit, "evidence": q.evidence, "source": q.source} for name, q in used.items()
                if name.split(".")[1] in ("vc", "vp", "q", "cl", "cl_nab", "vmax", "km", "kdec_scale", "catabolised", "v", "fr",
                                          "metabolite_v", "metabolite_cl")}  # fmt: skip
    if figure is not None:
        save_chart(exposure.figure(held, found), figure)
    doses = {each.name: each.mean_dose for each in found}
    _show(table, exposure.summary(held, found), csv, as_json, {"compound": held.compound, "patients": len(held.patients.listed) or held.patients.number,
          "seed": held.patients.seed, "posology": __version__, "mean_dose_mg": doses, "table": table.rows(), "parameters": evidence})  # fmt: skip
    if as_json:
        return
    from posology.pharmacology.compound import LEGEND

    print("mean dose: " + "; ".join(f"{name} {mg:.0f} mg" for name, mg in doses.items()))
    print("parameters: " + ", ".join(f"{name} {used[name]}" for name in evidence))
    print(LEGEND)
    print("half-life: of the slope over the last third of the cycle. AUC: over the cycle.")
    if any("label" in str(q["source"]) for q in evidence.values()):
        print("Numbers of the label are quoted from memory of the label, to be checked.")
    if figure is not None:
        print(f"wrote {figure}")


def _show(table: Any, summary: Any, csv: Path | None, as_json: bool, result: dict[str, Any]) -> None:
    if csv is not None:
        from posology.readout.drawing import write_text

        write_text(csv, table.to_csv())
    if as_json:
        print_json(result)
        return
    print_table(summary.title, list(summary.columns), [list(row.values()) for row in summary.rows()])
