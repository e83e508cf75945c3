"""Simulate a regimen in the population that a fit found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import FigureOption, JsonOption, SeedOption, in_a_folder, number
from posology.cli._output import console_err, four_digits, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posology.interchange.pk.fit_file import FittedModel
    from posology.pharmacology.estimation.regimen_exposure import Exposure, Regimen
    from posology.shared.arrays import Floats

app = typer.Typer(no_args_is_help=True)
PERCENTILES = (5.0, 50.0, 95.0)
MEASURES = ("area", "peak", "trough")
OF_EACH_DRAW = 300
"""Patients simulated from each draw of the estimates."""
SURE = (5.0, 95.0)
"""Between these percentiles of the draws lies what the estimates leave possible."""


@app.command("simulate")
def simulate(
    file: Annotated[
        Path,
        typer.Argument(metavar="FIT", help="A fit of a population, as `posology pk fit ... --json` writes it."),
    ],
    dose: Annotated[float, number("--dose", "The amount of each dose, in the fit's dose unit", above=0)],
    every: Annotated[
        float, number("--every", "From one dose to the next, in the fit's unit of time", metavar="TIME", above=0)
    ],
    cycles: Annotated[
        int, number("--cycles", "How many such intervals, a dose at the beginning of each", least=1, most=1000)
    ] = 1,
    infusion: Annotated[
        float,
        number(
            "--infusion", "How long a dose is infused, in the fit's unit of time (0: at once)", metavar="TIME", least=0
        ),
    ] = 0.0,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            metavar="WT=60",
            help="A covariate of the patients (else its reference, or none of its categories); may be given again.",
        ),
    ] = None,
    patients: Annotated[int, number("--patients", "How many patients are simulated", least=2, most=100_000)] = 1000,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Say as well how uncertain each value is, by draws of the estimates."),
    ] = False,
    draws: Annotated[
        int, number("--draws", "How many draws of the estimates --uncertainty takes", least=10, most=10_000)
    ] = 200,
    seed: SeedOption = 853,
    figure: FigureOption = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", help="Write the percentiles at each time to this CSV file.", callback=in_a_folder
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a regimen in the population that a fit found: exposure of the first and the last interval.

    Patients differ as the fit says, between occasions too (each interval is one); measurements have no error. Areas are
    linear where concentrations rise, logarithmic where they fall.

    Example: posology pk simulate fit.json --dose 400 --every 21 --cycles 6 --infusion 0.04 --uncertainty
    """
    import numpy as np
    from rich.progress import track

    from posology.interchange.pk.fit_file import read_fit
    from posology.pharmacology.estimation.regimen_exposure import (
        Regimen,
        drawn_populations,
        population_at,
        regimen_exposure,
    )

    fitted = read_fit(file)
    regimen = Regimen(dose, every, cycles, infusion)
    values = _covariates(covariate)
    rng = np.random.default_rng(seed)
    exposure = regimen_exposure(fitted.form, population_at(fitted.population, values), regimen, rng, patients=patients)
    ends = tuple(dict.fromkeys((0, cycles - 1)))
    summary = _summary(exposure, ends, ends)
    possible: list[list[dict[str, Any]]] = []
    if uncertainty:
        drawn = drawn_populations(fitted.parameterisation, fitted.values, fitted.covariance, fitted.scales, rng, draws)
        for population in track(drawn, "drawing", console=console_err(), transient=True):
            each = regimen_exposure(
                fitted.form,
                population_at(population, values),
                regimen,
                rng,
                patients=min(patients, OF_EACH_DRAW),
                intervals=ends,
            )
            possible.append(_summary(each, ends, range(len(ends))))
    for row, others in zip(summary, zip(*possible, strict=True), strict=True) if possible else ():
        for p in PERCENTILES:
            low, high = np.percentile([other[_named(p)] for other in others], SURE)
            row |= {f"{_named(p)} from": float(low), f"{_named(p)} to": float(high)}
    course = np.percentile(exposure.concentration, PERCENTILES, axis=0)
    if csv:
        _write_course(csv, exposure.time, course)
    if figure:
        from posology.reports.pk_figures import course_chart
        from posology.shared.charts import save_chart

        save_chart(course_chart(exposure.time, course, units=(fitted.units[0], fitted.units[1])), figure)
    if as_json:
        print_json(
            {
                "model": fitted.name,
                "units": dict(zip(("time", "concentration", "dose"), fitted.units, strict=True)),
                "regimen": vars(regimen),
                "covariates": values,
                "patients": patients,
                "draws": draws if uncertainty else 0,
                "seed": seed,
                "exposure": summary,
                "course": [
                    {"time": float(t), **{_named(p): float(v) for p, v in zip(PERCENTILES, column, strict=True)}}
                    for t, column in zip(exposure.time, course.T, strict=True)
                ],
            }
        )
        return
    _show(summary, fitted, regimen, patients, draws if uncertainty else 0)


def _covariates(texts: list[str] | None) -> dict[str, float]:
    values = {}
    for text in texts or ():
        name, _, value = text.partition("=")
        try:
            values[name.strip().upper()] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{text!r}: write WT=60", param_hint="--covariate") from None
    return values


def _named(percentile: float) -> str:
    return "median" if percentile == 50 else f"{percentile:g} %"


def _summary(exposure: Exposure, intervals: Sequence[int], places: Sequence[int]) -> list[dict[str, Any]]:
    """Return the percentiles of each measure, of intervals that stand at some places of the exposure."""
    import numpy as np

    rows = []
    for interval, place in zip(intervals, places, strict=True):
        for measure in MEASURES:
            found = np.percentile(getattr(exposure, measure)[:, place], PERCENTILES)
            held = {_named(p): float(v) for p, v in zip(PERCENTILES, found, strict=True)}
            rows.append({"dose": interval + 1, "measure": measure, **held})
    return rows


def _write_course(path: Path, time: Floats, course: Floats) -> None:
    from posology.shared.files import write_text

    heads = ",".join(["time", *(_named(p).replace(" %", "_percent") for p in PERCENTILES)])
    lines = [",".join(f"{v:.6g}" for v in (t, *column)) for t, column in zip(time, course.T, strict=True)]
    write_text(path, "\n".join([heads, *lines]) + "\n")


def _show(rows: list[dict[str, Any]], fitted: FittedModel, regimen: Regimen, patients: int, draws: int) -> None:
    time, concentration, dose = fitted.units
    names = {
        "area": f"AUC over the interval{f' ({concentration}·{time})' if concentration and time else ''}",
        "peak": f"peak{f' ({concentration})' if concentration else ''}",
        "trough": f"trough{f' ({concentration})' if concentration else ''}",
    }

    def said(row: dict[str, Any], p: float) -> str:
        name = _named(p)
        sure = f" ({four_digits(row[f'{name} from'])} to {four_digits(row[f'{name} to'])})" if draws else ""
        return f"{four_digits(row[name])}{sure}"

    print_table(
        f"{fitted.form.name if hasattr(fitted.form, 'name') else fitted.name}: {regimen.amount:g} {dose}".rstrip()
        + f" every {regimen.interval:g} {time}".rstrip()
        + f", {regimen.doses} dose{'s' * (regimen.doses != 1)}; {patients} patients",
        ("dose", "measure", *map(_named, PERCENTILES)),
        [(str(row["dose"]), names[row["measure"]], *(said(row, p) for p in PERCENTILES)) for row in rows],
    )
    if draws:
        print(f"in brackets: 90 % of {draws} draws of the estimates about what the fit found")
    if not all(fitted.units):
        print("units: those of the data that were fitted (--time-unit and --unit of `pk fit` name them)")
