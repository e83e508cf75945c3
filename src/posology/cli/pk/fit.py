"""Fits of a compartment model: a population, each patient, or their posterior."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import AnalyteOption, CutoffOption, InfusionOption, JsonOption, KnownByOption, SpecimenOption
from posology.cli._output import four_digits, json_number, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posology.interchange.pk.sources import Measured
    from posology.pharmacology.estimation.foce import Fit, Individual
    from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
    from posology.pharmacology.pk_models.base import StructuralModel
    from posology.pharmacology.pk_models.data import PkDataset

app = typer.Typer(no_args_is_help=True)
Form = Literal["one", "two", "oral", "saturable", "conjugate"]
Error = Literal["additive", "proportional", "both"]


@app.command("fit")
def fit(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE|TRIAL", help="NONMEM event data (CSV), a folder of SDTM, or a trial's record."),
    ],
    start: Annotated[
        str, typer.Option("--start", metavar="CL=0.4,V1=3,...", help="Where the search begins, in the file's units.")
    ],
    model: Annotated[
        Form,
        typer.Option(
            "--model",
            help="One or two compartments, one with first-order absorption, two with saturable loss too (Vmax, Km), or a conjugate with what it becomes.",
        ),
    ] = "two",
    random: Annotated[
        str | None, typer.Option("--random", metavar="CL,V1", help="What differs between patients (else all).")
    ] = None,
    cv: Annotated[float, typer.Option("--cv", help="By how much, to begin with.")] = 0.3,
    error: Annotated[Error, typer.Option("--error", help="The residual error.")] = "proportional",
    sd: Annotated[
        list[str] | None,
        typer.Option(
            "--sd",
            metavar="PROP[,ADD]",
            help="Its standard deviations, to begin with (else 0.2,0.1); repeated, of each analyte.",
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option("--covariate", metavar="CL~WT/70[^0.75]", help="An effect; its power is estimated unless given."),
    ] = None,
    iov: Annotated[
        str | None,
        typer.Option(
            "--iov",
            metavar="CL,V1[=0.2]",
            help="What differs between a patient's occasions; by how much, to begin with (else half of --cv).",
        ),
    ] = None,
    occasion: Annotated[
        str | None,
        typer.Option(
            "--occasion", metavar="COLUMN", help="The column that numbers the occasions (else OCC); goes with --iov."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Estimate the covariances of the random effects.")] = False,
    sandwich: Annotated[bool, typer.Option("--sandwich", help="Standard errors by R⁻¹ S R⁻¹.")] = False,
    individual: Annotated[
        bool,
        typer.Option("--individual", help="Do not fit a population: each patient's parameters, given these values."),
    ] = False,
    bayes: Annotated[
        bool, typer.Option("--bayes", help="Sample the posterior (extra `bayes`); --start centres the prior.")
    ] = False,
    draws: Annotated[int, typer.Option("--draws", help="By chain, of four.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 1,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE", help="Draw goodness of fit, and beside it FILE-vpc: .png, .svg or .json."
        ),
    ] = None,
    exposures: Annotated[
        Path | None,
        typer.Option(
            "--exposures",
            metavar="FILE",
            help="Write each patient's exposure of cycle 1 by the fit, for `posology pk exposure-response`.",
        ),
    ] = None,
    tau: Annotated[
        float | None, typer.Option("--tau", help="The length of cycle 1, where the protocol does not say it.")
    ] = None,
    analyte: AnalyteOption = None,
    analytes: Annotated[
        str | None,
        typer.Option(
            "--analytes",
            metavar="ADC,DRUG[,METABOLITE]",
            help="Of a conjugate: itself, its payload, and the payload's metabolite if measured.",
        ),
    ] = None,
    specimen: SpecimenOption = None,
    cutoff: CutoffOption = None,
    known_by: KnownByOption = None,
    infusion: InfusionOption = None,
    time_unit: TimeUnit = "",
    unit: Unit = "",
    as_json: JsonOption = False,
) -> None:
    """Fit a compartment model to concentrations: a population by FOCE-I as in NONMEM, each patient, or by full Bayes.

    Values below quantification (BLQ, LLOQ) add the probability that they are (method M3). A conjugate is fitted together
    with its payload and metabolite: --model conjugate --analytes IMGN853,DM4,SMEDM4 --start CL=0.4,V1=3,Q=0.5,V2=1,CLp=16,kp=1,CLm=5,km=0.3
    Example: posology pk fit data.csv --model two --start CL=0.4,V1=2,Q=0.6,V2=1 --plot fit.png
    """
    import numpy as np
    from rich.console import Console

    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.individual_exposures import write_exposures
    from posology.interchange.pk.sources import measured
    from posology.pharmacology.estimation.foce import fit as fitted
    from posology.pharmacology.estimation.foce import individual as each
    from posology.pharmacology.pk_models import MODELS
    from posology.pharmacology.pk_models.adc import check_starting_values, conjugate_model
    from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS

    check_figure(plot)
    if occasion and not iov:
        raise typer.BadParameter(
            "occasions matter where something differs between them: --iov", param_hint="--occasion"
        )
    if tau is not None and not tau > 0:
        raise typer.BadParameter(f"{tau:g}: a cycle is longer than 0", param_hint="--tau")
    several = _analytes(model, analyte, analytes)
    form: StructuralModel = conjugate_model(len(several)) if several else MODELS[model]
    begin = _population(form, start, random, cv, error, sd, [_effect(text) for text in covariate or ()], iov, several)
    if exposures and bayes:
        raise typer.BadParameter("a posterior has no one exposure a patient", param_hint="--exposures")
    read = measured(
        file,
        analyte=analyte,
        analytes=several,
        specimen=specimen,
        cutoff=cutoff,
        known_by=end_of_day(known_by) if known_by else None,
        time="h" if time_unit == "h" else "d",
        infusion=infusion,
    )
    time_unit, units = _units(read, several, time_unit, unit)
    if exposures and not (tau or read.interval):
        raise typer.BadParameter("say how long cycle 1 is, in the data's unit of time", param_hint="--tau")
    data = read.events.measurements(
        [e.covariate for e in begin.effects], (occasion or "OCC").upper() if iov else None, several
    )
    if several:
        check_starting_values(form, data, begin.log_parameters(form, data))

    def exposed(found: Fit | Individual) -> None:
        name, of = ("two", TWO_COMPARTMENTS) if several else (model, form)  # of several, the conjugate's
        phi = np.log(found.parameters[:, : len(of.parameters)])
        for parameter, kappa in zip(begin.between_occasions, found.kappa.T, strict=True):
            phi[:, of.parameters.index(parameter)] += np.nan_to_num(kappa[0])  # of the first occasion
        write_exposures(Path(str(exposures)), read, name, of, data, phi, tau)

    if bayes:
        _bayes(form, data, begin, full, seed, draws, individual, as_json)
        return
    if individual:
        found = each(form, data, begin)
        if exposures:
            exposed(found)
        rows = [
            {"patient": n, **{p: float(v) for p, v in zip(form.parameters, values, strict=True)}}
            for n, values in zip(data.names, found.parameters, strict=True)
        ]
        for row, errors in zip(rows, found.standard_error, strict=True):
            row |= {f"{p} SE of log": float(e) for p, e in zip(form.parameters, errors, strict=True)}
        _add_occasions(rows, data, begin, found.kappa)
        if as_json:
            print_json({"patients": rows})
        else:
            print_table(
                "Most likely parameters, given the population",
                ["patient", *form.parameters],
                [[r["patient"], *(four_digits(r[p]) for p in form.parameters)] for r in _with_occasions(rows)],
            )
        return
    with Console(stderr=True).status("fitting") as status:
        result = fitted(
            form,
            data,
            begin,
            full=full,
            errors="sandwich" if sandwich else "hessian",
            progress=lambda n, v: status.update(f"iteration {n}: objective function {v:.3f}"),
        )
    if exposures:
        exposed(result)
    if plot:
        _diagnose(form, data, result, plot, seed, (time_unit, units))
    if as_json:
        print_json(_fit_json(result, data, form.parameters))
        return
    print(
        f"objective function {result.objective:.3f}   AIC {result.aic:.2f}   BIC {result.bic:.2f}   "
        f"condition number {result.condition:.1f}"
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
                _shrinkage(result, e.name),
            )
            for e in result.estimates
        ],
    )
    print(f"omega: standard deviations on the log scale; shrinkage of the residuals {result.residual_shrinkage:.1f} %")
    concentrations = ", ".join(
        " ".join(filter(None, pair)) for pair in zip(several or ("",), units, strict=True) if pair[1]
    )
    held = (("time", time_unit), ("concentration", concentrations), ("dose", read.units[2]))
    if any(of for _, of in held):
        print("units: " + ", ".join(f"{what} {of}" for what, of in held if of))
    if several:
        print(
            f"{' and '.join(p for p in form.parameters if p in ('CLp', 'CLm'))}: apparent, dose of conjugate over AUC"
        )
    for note in (*result.notes, *read.notes):
        print(note)


def _analytes(model: Form, analyte: str | None, analytes: str | None) -> tuple[str, ...]:
    """Return the analytes of a conjugate, empty for a model of one."""
    names = tuple(part.strip() for part in (analytes or "").split(",") if part.strip())
    if model != "conjugate":
        if names:
            raise typer.BadParameter(
                f"the model {model!r} is of one: --analyte names it; --model conjugate is of several",
                param_hint="--analytes",
            )
        return ()
    if analyte or len(names) not in (2, 3):
        raise typer.BadParameter(
            "name the conjugate, its payload and, if measured, the metabolite, in this order: IMGN853,DM4,SMEDM4",
            param_hint="--analytes",
        )
    return names


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


def _fit_json(result: Fit, data: PkDataset, parameters: tuple[str, ...]) -> dict[str, Any]:
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
        "notes": list(result.notes),
        "patients": patients,
    }


def _population(
    form: StructuralModel,
    start: str,
    random: str | None,
    cv: float,
    error: Error,
    sd: list[str] | None,
    effects: list[CovariateEffect],
    iov: str | None = None,
    analytes: tuple[str, ...] = (),
) -> Population:
    import numpy as np

    from posology.pharmacology.estimation.random_effects import Population
    from posology.pharmacology.estimation.residual_error import ResidualError

    try:
        typical = {name.strip(): float(value) for name, _, value in (part.partition("=") for part in start.split(","))}
        spreads = [[float(part) for part in each.split(",")] for each in sd or ["0.2,0.1"]]
    except ValueError:
        raise typer.BadParameter(
            f"{start!r}, {' '.join(sd or [])!r}: write CL=0.4,V1=3 and 0.2,0.1", param_hint="--start, --sd"
        ) from None
    if len(spreads) not in (1, max(len(analytes), 1)):
        raise typer.BadParameter(
            f"given {len(spreads)} times; once, or once for each of {', '.join(analytes) or 'one analyte'}",
            param_hint="--sd",
        )
    if set(typical) != set(form.parameters):
        raise typer.BadParameter(
            f"needs {', '.join(form.parameters)}; it has {', '.join(typical)}", param_hint="--start"
        )
    if not all(1e-30 < value < 1e30 for value in typical.values()):
        raise typer.BadParameter(f"{start!r}: each starting value is above 0 (1e-30 to 1e30)", param_hint="--start")
    if not cv > 0 or not all(0 < s < np.inf for each in spreads for s in each):
        raise typer.BadParameter(
            "a coefficient of variation and a standard deviation are above 0", param_hint="--cv, --sd"
        )
    names = tuple(part.strip() for part in random.split(",")) if random else tuple(form.parameters)
    errors = [
        ResidualError(each[-1] if error != "proportional" else 0.0, each[0] if error != "additive" else 0.0)
        for each in spreads
    ]
    residual = dict(zip(analytes, errors * (len(analytes) // len(errors)), strict=True)) if analytes else errors[0]
    return Population(
        typical, names, np.eye(len(names)) * np.log1p(cv**2), residual, tuple(effects), _between_occasions(iov, cv / 2)
    )


def _between_occasions(iov: str | None, usual: float) -> dict[str, float]:
    """Return the variance to begin with of each parameter that differs between occasions."""
    import numpy as np

    found = {}
    for name, _, text in (part.partition("=") for part in (iov or "").split(",") if part):
        try:
            cv = float(text) if text else usual
        except ValueError:
            cv = 0.0
        if not 0 < cv < np.inf:
            raise typer.BadParameter(f"{iov!r}: write CL,V1 or CL=0.2,V1=0.1", param_hint="--iov")
        found[name.strip()] = float(np.log1p(cv**2))
    return found


def _effect(text: str) -> CovariateEffect:
    from posology.pharmacology.estimation.random_effects import CovariateEffect

    found = re.fullmatch(r"\s*(\w+)\s*~\s*(\w+)\s*/\s*([\d.]+)\s*(?:\^\s*(-?[\d.]+))?\s*", text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write CL~WT/70 or CL~WT/70^0.75", param_hint="--covariate")
    parameter, covariate, reference, power = found.groups()
    return CovariateEffect(parameter, covariate.upper(), float(reference), float(power) if power else None)


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
        log = by_analyte(result.population.residual)[analyte].proportional > 0
        save_chart(vpc_chart(check, units=labels, log=log).properties(**told), plot.with_stem(f"{stem}-vpc"))
