"""Fits of a compartment model: a population, each patient, or their posterior."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import Concentrations, FigureOption, JsonOption, SeedOption, in_a_folder, number, options
from posology.cli._output import four_digits, json_number, print_json, print_table
from posology.cli.pk._model_options import ModelOptions
from posology.cli.pk.nca import read_concentrations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posology.interchange.pk.sources import Measured
    from posology.pharmacology.estimation.error_models import ErrorModel
    from posology.pharmacology.estimation.foce import Fit, Individual
    from posology.pharmacology.estimation.random_effects import Population
    from posology.pharmacology.pk_models.base import StructuralModel
    from posology.pharmacology.pk_models.data import PkDataset

app = typer.Typer(no_args_is_help=True)


@app.command("fit")
@options
def fit(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|TRIAL", help="Event data (CSV), SDTM PC (a file), a folder of SDTM, or a trial's record."
        ),
    ],
    chosen: ModelOptions,
    source: Concentrations,
    full: Annotated[
        bool, typer.Option("--full-omega", help="Estimate the covariances of the random effects as well.")
    ] = False,
    sandwich: Annotated[bool, typer.Option("--sandwich", help="Standard errors by R⁻¹ S R⁻¹, instead of R⁻¹.")] = False,
    individual: Annotated[
        bool,
        typer.Option("--individual", help="Do not fit a population: each patient's parameters, given these values."),
    ] = False,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="Sample the posterior (extra `bayes`); --start centres the prior.")
    ] = False,
    draws: Annotated[
        int, number("--draws", "Draws of each of the four chains of --bayes", least=10, most=1_000_000)
    ] = 1000,
    seed: SeedOption = 1,
    figure: FigureOption = None,
    exposures: Annotated[
        Path | None,
        typer.Option(
            "--exposures",
            metavar="FILE",
            help=(
                "Write each patient's exposure of cycle 1 by the fit to this CSV file, for `posology pk"
                " exposure-response`."
            ),
            callback=in_a_folder,
        ),
    ] = None,
    tau: Annotated[
        float | None,
        number("--tau", "The length of cycle 1, in the data's unit of time (else the protocol's)", above=0),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit a compartment model to concentrations: a population by FOCE-I as in NONMEM, each patient, or by full Bayes.

    Values below quantification (BLQ, LLOQ) add the probability that they are (method M3). --figure draws the goodness
    of fit and, beside it in FILE-vpc, the visual predictive check. A conjugate is fitted together with its payload and
    metabolite: --model conjugate --analytes IMGN853,DM4,SMEDM4 --start CL=0.4,V1=3,Q=0.5,V2=1,CLp=16,kp=1,CLm=5,km=0.3

    Example: posology pk fit data.csv --model two --start CL=0.4,V1=2,Q=0.6,V2=1 --figure fit.png
    """
    from posology.interchange.pk.fit_file import model_of
    from posology.pharmacology.pk_models.adc import check_starting_values

    if chosen.occasion and not chosen.iov:
        raise typer.BadParameter(
            "occasions matter where something differs between them: --iov", param_hint="--occasion"
        )
    if exposures and bayes:
        raise typer.BadParameter("a posterior has no one exposure a patient", param_hint="--exposures")
    several = chosen.several(source.analyte)
    form = chosen.form()
    begin = chosen.population(form, several)
    used = [e.covariate for e in begin.effects]
    occasion = (chosen.occasion or "OCC").upper() if chosen.iov else None
    read = read_concentrations(file, source, several, [*used, *([occasion] if occasion else ())])
    time_unit, units = _units(read, several, source.time_unit, source.unit)
    if exposures and not (tau or read.interval):
        raise typer.BadParameter("say how long cycle 1 is, in the data's unit of time", param_hint="--tau")
    data = read.events.measurements(
        used,
        occasion,
        several,
        absorbed=bool({"ka", "MTT"} & set(form.parameters)),
    )
    if several:
        check_starting_values(form, data, begin.log_parameters(form, data))
    if bayes:
        _bayes(form, data, begin, full, seed, draws, individual, as_json)
        return
    if individual:
        each = _each_patient(form, data, begin)
        if exposures:
            _write_exposures(exposures, read, chosen, form, data, begin, each, tau)
        _show_each_patient(form, data, begin, each, as_json)
        return
    found = _population(form, data, begin, full, sandwich)
    if exposures:
        _write_exposures(exposures, read, chosen, form, data, begin, found, tau)
    if figure:
        _diagnose(form, data, found, figure, seed, (time_unit, units))
    if as_json:
        model = None
        if not several:
            known = (time_unit, units[0], read.units[2])
            model = model_of(found, begin, chosen.model, chosen.error, full=full, units=known)
        print_json({**_fit_json(found, data, form.parameters, read.notes), "model": model})
    else:
        _show_fit(found, form, data, read, chosen.model, several, (time_unit, units))


def _each_patient(form: StructuralModel, data: PkDataset, begin: Population) -> Individual:
    from posology.pharmacology.estimation.foce import individual

    return individual(form, data, begin)


def _population(form: StructuralModel, data: PkDataset, begin: Population, full: bool, sandwich: bool) -> Fit:
    """Fit a population, the objective function shown as it falls."""
    from rich.console import Console

    from posology.pharmacology.estimation.foce import fit as fit_population

    with Console(stderr=True).status("fitting") as status:
        return fit_population(
            form,
            data,
            begin,
            full_omega=full,
            errors="sandwich" if sandwich else "hessian",
            progress=lambda n, v: status.update(f"iteration {n}: objective function {v:.3f}"),
        )


def _write_exposures(
    path: Path,
    read: Measured,
    chosen: ModelOptions,
    form: StructuralModel,
    data: PkDataset,
    begin: Population,
    found: Fit | Individual,
    tau: float | None,
) -> None:
    """Write each patient's exposure of cycle 1: of a conjugate with what it becomes, the conjugate's."""
    from posology.interchange.pk.individual_exposures import first_cycle_parameters, write_exposures
    from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS

    name, of = ("two", TWO_COMPARTMENTS) if chosen.model == "conjugate" else (chosen.model, form)
    logs = first_cycle_parameters(of, begin, found.parameters, found.kappa)
    write_exposures(path, read, name, of, data, logs, tau)


def _show_each_patient(
    form: StructuralModel, data: PkDataset, begin: Population, found: Individual, as_json: bool
) -> None:
    rows: list[dict[str, Any]] = [
        {"patient": n, **{p: float(v) for p, v in zip(form.parameters, values, strict=True)}}
        for n, values in zip(data.names, found.parameters, strict=True)
    ]
    for row, errors in zip(rows, found.standard_error, strict=True):
        row |= {f"{p} SE of log": float(e) for p, e in zip(form.parameters, errors, strict=True)}
    _add_occasions(rows, data, begin, found.kappa)
    if as_json:
        print_json({"patients": rows})
        return
    print_table(
        "Most likely parameters, given the population",
        ["patient", *form.parameters],
        [[r["patient"], *(four_digits(r[p]) for p in form.parameters)] for r in _with_occasions(rows)],
    )


def _show_fit(
    found: Fit,
    form: StructuralModel,
    data: PkDataset,
    read: Measured,
    model: str,
    several: tuple[str, ...],
    units: tuple[str, Sequence[str]],
) -> None:
    """Print the estimates, with what they rest on."""
    print(
        f"objective function {found.objective:.3f}   AIC {found.aic:.2f}   BIC {found.bic:.2f}   "
        f"condition number {found.condition:.1f}"
    )
    print_table(
        f"{getattr(form, 'name', model)}: {len(data)} patient{'s'[: len(data) != 1]}, {_counted(data)}",
        ("parameter", "estimate", "RSE %", "95 % interval", "shrinkage %"),
        [
            (
                e.name,
                four_digits(e.value),
                four_digits(e.relative),
                f"{four_digits(e.lower)} to {four_digits(e.upper)}",
                _shrinkage(found, e.name),
            )
            for e in found.estimates
        ],
    )
    print(f"omega: standard deviations on the log scale; shrinkage of the residuals {found.residual_shrinkage:.1f} %")
    of_each = zip(several or ("",), units[1], strict=True)
    concentration = ", ".join(" ".join(filter(None, (name, unit))) for name, unit in of_each if unit)
    known = (("time", units[0]), ("concentration", concentration), ("dose", read.units[2]))
    if any(unit for _, unit in known):
        print("units: " + ", ".join(f"{what} {unit}" for what, unit in known if unit))
    if several:
        print(
            f"{' and '.join(p for p in form.parameters if p in ('CLp', 'CLm'))}: apparent, dose of conjugate over AUC"
        )
    for note in (*found.notes, *read.notes):
        print(note)


def _units(read: Measured, several: tuple[str, ...], time: str, unit: str) -> tuple[str, list[str]]:
    """Return the unit of time, and that of each analyte's concentration."""
    if not several:
        time, unit = read.labels(time, unit)
        return time, [unit]
    known = [read.unit_of.get(name, "") for name in several]
    said = [part.strip() for part in unit.split(",")] if unit else known
    if len(said) != len(several) or (read.unit_of and said != known):
        right = ",".join(known) if read.unit_of else f"one for each of {', '.join(several)}"
        raise typer.BadParameter(f"{unit!r}: {right}", param_hint="--unit")
    return read.labels(time)[0], said


def _counted(data: PkDataset) -> str:
    """Return how many concentrations there are and below quantification, of each analyte if there are several."""
    said = f"{data.samples} concentration{'s'[: data.samples != 1]}, {int(data.below.sum())} below quantification"
    if len(data.analytes) == 1:
        return said
    own = [data.observed & (data.analyte == place) for place in range(len(data.analytes))]
    each = (f"{name} {seen.sum()}, {(seen & data.below).sum()}" for name, seen in zip(data.analytes, own, strict=True))
    return f"{said} ({'; '.join(each)})"


def _shrinkage(result: Fit, name: str) -> str:
    held = dict(zip((f"omega {n}" for n in result.population.random), result.shrinkage, strict=True))
    between = (f"omega between occasions {n}" for n in result.population.between_occasions)
    held |= dict(zip(between, result.occasion_shrinkage, strict=True))
    return f"{held[name]:.1f}" if name in held else ""


def _add_occasions(patients: list[dict[str, Any]], data: PkDataset, population: Population, kappa: Any) -> None:
    """Add to each patient the parameters that differ between occasions, by occasion."""
    for patient, labels, own in zip(patients, data.occasions, kappa, strict=True):
        if population.between_occasions:
            patient["occasions"] = [
                {
                    "occasion": label,
                    **{
                        n: json_number(patient[n] * math.exp(k))
                        for n, k in zip(population.between_occasions, row, strict=True)
                    },
                }
                for label, row in zip(labels, own, strict=False)
            ]


def _with_occasions(patients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each patient, and for each occasion below it."""
    rows = []
    for p in patients:
        rows.append(p)
        for o in p.get("occasions", ()):
            known = {n: math.nan if v is None else v for n, v in o.items()}
            rows.append({**p, **known, "patient": f"{p['patient']}, occasion {o['occasion']}"})
    return rows


def _fit_json(result: Fit, data: PkDataset, parameters: tuple[str, ...], notes: Sequence[str]) -> dict[str, Any]:
    found = result.population
    patients: list[dict[str, Any]] = [
        {"patient": n, **dict(zip(parameters, map(float, row), strict=True))}
        for n, row in zip(data.names, result.parameters, strict=True)
    ]
    _add_occasions(patients, data, found, result.kappa)
    return {
        "objective": result.objective,
        "log_likelihood": result.log_likelihood,
        "aic": result.aic,
        "bic": result.bic,
        "condition_number": json_number(result.condition),
        "estimates": [
            {k: json_number(v) if isinstance(v, float) else v for k, v in vars(e).items()} for e in result.estimates
        ],
        "shrinkage": dict(zip(found.random, map(json_number, result.shrinkage), strict=True)),
        "shrinkage_between_occasions": dict(
            zip(found.between_occasions, map(json_number, result.occasion_shrinkage), strict=True)
        ),
        "residual_shrinkage": result.residual_shrinkage,
        "evaluations": result.evaluations,
        "notes": [*result.notes, *notes],
        "patients": patients,
    }


def _bayes(
    form: StructuralModel,
    data: Any,
    begin: Population,
    full: bool,
    seed: int,
    draws: int,
    individual: bool,
    as_json: bool,
) -> None:
    from rich.console import Console

    from posology.pharmacology.estimation.log_posterior import Prior
    from posology.pharmacology.estimation.nuts import Posterior, sample_individual, sample_population

    held: dict[str, Posterior] = {}
    prior = Prior(
        begin.typical,
        begin.random,
        residual=begin.residual,
        effects=begin.effects,
        between_occasions=tuple(begin.between_occasions),
        correlated=full,
    )
    with Console(stderr=True).status("sampling") as status:
        if individual:
            for row, name in enumerate(data.names):
                status.update(f"sampling patient {name}")
                held[name] = sample_individual(form, data.subset([row]), begin, seed=seed + row, draws=draws)
        else:
            held["population"] = sample_population(form, data, prior, seed=seed, draws=draws)
    rows = [
        {
            "of": of,
            "quantity": name,
            **dict(zip(("median", "lower", "upper"), p.interval(name), strict=True)),
            "r_hat": p.r_hat[name],
            "effective": p.effective[name],
        }
        for of, p in held.items()
        for name in p.draws
    ]
    notes = [f"{of}: {note}" for of, p in held.items() for note in p.notes]
    if as_json:
        print_json({"prior": None if individual else prior.describe, "posterior": rows, "notes": notes})
        return
    print_table(
        "Posterior",
        ("of", "quantity", "median", "95 % interval", "R-hat", "effective draws"),
        [
            (
                r["of"],
                r["quantity"],
                four_digits(r["median"]),
                f"{four_digits(r['lower'])} to {four_digits(r['upper'])}",
                f"{r['r_hat']:.3f}",
                f"{r['effective']:.0f}",
            )
            for r in rows
        ],
    )
    if not individual:
        print(f"prior: {prior.describe}")
    for note in notes:
        print(note)


def _diagnose(
    form: StructuralModel, data: PkDataset, result: Fit, plot: Path, seed: int, units: tuple[str, Sequence[str]]
) -> None:
    """Draw goodness of fit and predictive check; of several analytes, each beside FILE by its name."""
    from dataclasses import replace

    import numpy as np

    from posology.pharmacology.estimation.diagnostics import residuals, visual_predictive_check
    from posology.pharmacology.estimation.residual_error import by_analyte
    from posology.reports.pk_figures import goodness_chart, vpc_chart
    from posology.shared.charts import save_chart

    rng = np.random.default_rng(seed)
    found = residuals(form, data, result.population, rng, repeats=300)
    for place, (analyte, unit) in enumerate(zip(data.analytes, units[1], strict=True)):
        own = data.observed & (data.analyte == place)
        count = int(own.sum())
        if not count:
            continue
        labels, told = (units[0], unit), {"title": analyte} if analyte else {}
        stem = "-".join(filter(None, (plot.stem, re.sub(r"[^\w.]+", "-", analyte))))
        good = goodness_chart(replace(data, observed=own), found.subset(own), units=labels)
        save_chart(good.properties(**told), plot.with_stem(stem))
        check = visual_predictive_check(form, data, result.population, rng, bins=min(8, count), analyte=place)
        log = _is_relative(by_analyte(result.population.residual)[analyte])
        save_chart(vpc_chart(check, units=labels, log=log).properties(**told), plot.with_stem(f"{stem}-vpc"))


def _is_relative(error: ErrorModel) -> bool:
    """Say whether the error grows with the prediction, so that a logarithmic axis shows it evenly."""
    import numpy as np

    low, high = error.spread(np.array([1.0, 2.0])).variance
    return error.is_logarithmic or bool(high > low)
