"""The drug in plasma under regimens, and by the measure of body size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import FigureOption, JsonOption, csv_option, in_a_folder
from posology.cli._output import bar, print_json, print_table

if TYPE_CHECKING:
    from posology.shared.tables import Table

app = typer.Typer(no_args_is_help=True)


@app.command("regimens")
def regimens(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of regimens (YAML).")],
    interval: Annotated[
        Literal["patients", "occasions", "observations"],
        typer.Option(
            "--interval",
            help=(
                "What the intervals hold: the spread between patients; between their cycles as well; or what would be"
                " measured, with the error of the assay."
            ),
        ),
    ] = "patients",
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty", help="Say as well how uncertain each median is, by the priors of the typical parameters."
        ),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference", metavar="REGIMEN", help="The regimen that others are compared with (else the first)."
        ),
    ] = None,
    figure: FigureOption = None,
    csv: Annotated[Path | None, csv_option("the measures")] = None,
    concentrations: Annotated[
        Path | None,
        typer.Option(
            "--concentrations",
            metavar="FILE",
            help="Write the concentrations at the times sampled to this CSV file.",
            callback=in_a_folder,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate regimens of a conjugate in virtual patients: exposure with prediction intervals, table and figure.

    Example: posology simulate regimens regimens.yaml --interval observations --figure exposure.png
    """
    from posology import __version__
    from posology.reports import exposure_tables
    from posology.reports.exposure_figure import figure as draw
    from posology.shared.charts import save_chart
    from posology.shared.files import write_text
    from posology.simulation.regimens import file as planned
    from posology.simulation.regimens import simulate as exposure

    held, kind = planned.read(file), interval
    names = [each.name for each in held.regimens]
    reference = names[0] if reference is None else reference
    if reference not in names:
        raise ValueError(f"--reference is {reference!r}; the regimens of {file} are {'; '.join(names)}")
    with bar("simulating") as progress:
        found = exposure.simulate_regimens(held, kind, uncertainty=uncertainty, progress=progress)
    table, sampled = exposure_tables.table(held, found, kind), exposure_tables.samples(held, found, kind)
    ratios = exposure_tables.compared(held, found, reference, kind)
    if figure is not None:
        save_chart(draw(held, found, kind), figure)
    for path, wanted in ((csv, table), (concentrations, sampled)):
        if path is not None:
            write_text(path, wanted.to_csv())
    doses = {each.name: each.mean_dose for each in found}
    parameters, uncertain = _parameters(found)
    if as_json:
        print_json(
            {
                "compound": held.compound,
                "compounds": {each.name: each.compound.name for each in found},
                "patients": len(held.patients.listed) or held.patients.number,
                "seed": held.patients.seed,
                "posology": __version__,
                "interval": {"level": held.interval, "kind": kind, "holds": exposure.INTERVAL_MEANING[kind]},
                "uncertainty": (
                    {"of": "the median", "level": held.interval, "priors": uncertain} if uncertainty else None
                ),
                "mean_dose_mg": doses,
                "table": table.rows(),
                "samples": sampled.rows(),
                "ratios": {"over": reference, "rows": ratios.rows()},
                "parameters": parameters,
            }
        )
        return
    _print(exposure_tables.summary(held, found, kind))
    if uncertainty:
        _print(exposure_tables.uncertainty(held, found))
    if len(found) > 1:
        _print(exposure_tables.in_short(ratios))
    print("mean dose: " + "; ".join(f"{name} {mg:.0f} mg" for name, mg in doses.items()))
    _notes(held, found, kind, parameters, uncertain, uncertainty)
    for path in (figure, csv, concentrations):
        if path is not None:
            print(f"wrote {path}")


@app.command("body-size")
def body_size(
    csv: Annotated[Path | None, csv_option("the table")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare doses by measure of body size: how exposure differs between light and heavy patients.

    Example: posology simulate body-size --csv body-size.csv
    """
    from posology.reports import exposure_tables
    from posology.shared.files import write_text

    sizes = exposure_tables.body_size_table()
    if csv is not None:
        write_text(csv, sizes.to_csv())
    if as_json:
        print_json({"table": sizes.rows()})
    else:
        _print(sizes)


def _print(table: Table) -> None:
    print_table(table.title, list(table.columns), [list(row.values()) for row in table.rows()])


def _parameters(found: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the quantities that enter, of the first regimen's compound, and what others have otherwise; and the
    priors."""
    from posology.simulation.regimens.simulate import USED_QUANTITIES, uncertain

    used: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for k, each in enumerate(found):
        for name, q in each.compound.quantities().items():
            entry = {"value": q.value, "unit": q.unit, "evidence": q.evidence, "source": q.source}
            own = name if k == 0 else f"{each.name}: {name}"
            if name.split(".")[1] in USED_QUANTITIES and (k == 0 or used[name] != entry):
                used[own] = entry
        for name, prior in uncertain(each.compound).items():
            (low, high), q = prior.range, prior.quantity
            told[name if k == 0 else f"{each.name}: {name}"] = {
                "median": q.value,
                "unit": q.unit,
                "cv": q.cv,
                "low": low,
                "high": high,
            }
    return used, {
        name: prior for name, prior in told.items() if ": " not in name or told.get(name.split(": ")[1]) != prior
    }


def _notes(
    held: Any, found: Any, kind: str, parameters: dict[str, Any], uncertain: dict[str, Any], uncertainty: bool
) -> None:
    from posology.pharmacology.compounds.quantity import LEGEND, MARKS
    from posology.pharmacology.virtual_patients.between_patient import OCCASION

    def shown(q: dict[str, Any]) -> str:
        return f"{q['value']:.4g}{'' if q['unit'] == '1' else ' ' + q['unit']} [{MARKS[q['evidence']]}]"

    print("parameters: " + ", ".join(f"{name} {shown(q)}" for name, q in parameters.items()))
    print(LEGEND)
    print(
        "AUC: over the cycle."
        + ("" if kind == "observations" else " half-life: of the slope over the last third of the cycle.")
    )
    if kind != "patients":
        print(f"between cycles: the logarithm of the clearance has an SD of {OCCASION}, {OCCASION.source}")
    if kind == "observations":
        print(
            "measured: Cmax is the greatest sample, Ctrough the last, AUC by linear-up log-down trapezoids; below the"
            " limit of quantification half of it counts."
        )
        for analyte in held.analytes:
            error, limit = held.measured(analyte)
            most = f"limit {limit:g} {error.additive.unit}" if limit else "no limit given"
            print(
                f"error of {analyte}: SD {error.additive} and {100 * error.proportional.value:g} %"
                f" [{MARKS[error.proportional.evidence]}], {most}; {error.proportional.source}"
            )
    if uncertainty:
        listed = ", ".join(
            f"{name} {p['median']:.3g} ({p['low']:.3g} to {p['high']:.3g})" for name, p in uncertain.items()
        )
        print(
            f"uncertain: {listed or 'none of these numbers states a cv'}; 95 % range of each prior. All others are"
            " taken as known: give a cv under parameters to change that."
        )
    if any("label" in str(q["source"]) for q in parameters.values()):
        print("Numbers of the label are quoted from memory of the label, to be checked.")
