"""Commands on what was measured: non-compartmental analysis and fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli.common import JsonOption, KnownByOption, day, print_json, print_table

if TYPE_CHECKING:
    from posology.pharmacology.fit import Effect, Fit, Population
    from posology.pharmacology.likelihood import Predicts

Route = Literal["extravascular", "bolus", "infusion"]
Method = Literal["linear-up log-down", "linear", "linear log"]
Form = Literal["one", "two", "oral"]
Error = Literal["additive", "proportional", "both"]

PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw it to this file: .png, .svg or .json (Vega-Lite).")
]
AnalyteOption = Annotated[
    str | None, typer.Option("--analyte", help="Which, where there are several (the test, PCTESTCD, DVID).")
]
SpecimenOption = Annotated[str | None, typer.Option("--specimen", help="Which, where there are several (PCSPEC).")]
CutoffOption = Annotated[
    date | None,
    typer.Option(
        "--cutoff", metavar="DATE", parser=day, help="Of a record: the data cutoff (else all that is recorded)."
    ),
]
InfusionOption = Annotated[
    float | None,
    typer.Option(
        "--infusion-hours",
        metavar="H",
        min=0,
        help="Of a record: how long an infusion took whose end it does not hold.",
    ),
]
TimeUnit = Annotated[str, typer.Option("--time-unit", metavar="UNIT", help="Of TIME, for the labels.")]
Unit = Annotated[str, typer.Option("--unit", metavar="UNIT", help="Of concentrations, for the labels.")]
KINDS = (".png", ".svg", ".json")
MISSING = "–"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: dict[str, Callable[..., None]] = {"nca": nca, "fit": fit}
    for name, command in commands.items():
        app.command(name, rich_help_panel="Measure")(command)


def nca(
    file: Annotated[
        str, typer.Argument(metavar="FILE|TRIAL", help="NONMEM event data or SDTM PC (CSV), a folder of SDTM, or a trial's record.")
    ],
    ex: Annotated[Path | None, typer.Option("--ex", metavar="FILE", help="SDTM EX (CSV): the doses of a PC file.")] = None,
    route: Annotated[Route | None, typer.Option("--route", help="How the dose was given.")] = None,
    tau: Annotated[float | None, typer.Option("--tau", help="The dosing interval: adds results at steady state.")] = None,
    method: Annotated[Method, typer.Option("--method", help="The trapezoids.")] = "linear-up log-down",
    c_max: Annotated[bool, typer.Option("--with-cmax", help="Let Cmax be a point of the terminal slope.")] = False,
    partial: Annotated[
        list[str] | None, typer.Option("--partial", metavar="START,END", help="A partial area (may be repeated).")
    ] = None,
    analyte: AnalyteOption = None, specimen: SpecimenOption = None,
    cutoff: CutoffOption = None, known_by: KnownByOption = None, infusion: InfusionOption = None,
    plot: PlotOption = None, time_unit: TimeUnit = "", unit: Unit = "", as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Analyse concentration profiles without a model: exposure, terminal slope and its points, clearance, volumes.

    Units are those of the file; of a record, days (or --time-unit h), mg, and its concentrations' own. Where doses differ twofold or more, dose proportionality is judged by the power
    model. Example: posology nca concentrations.csv --route infusion --plot profiles.png
    """
    import numpy as np

    from posology.conduct.trial import end_of
    from posology.interchange.measured import measured
    from posology.pharmacology.nca import nca as analysed
    from posology.pharmacology.profiles import rectangular
    from posology.pharmacology.proportionality import dose_proportionality

    _drawable(plot)
    cuts = [_pair(text) for text in partial or ()]
    read = measured(file, ex=ex, analyte=analyte, specimen=specimen, cutoff=cutoff,
                    known_by=end_of(known_by) if known_by else None, time="h" if time_unit == "h" else "d", infusion=infusion)  # fmt: skip
    found, unused = read.profiles, read.unused
    (time_unit, unit), dose_unit = read.labels(time_unit, unit), read.units[2]
    if not found:
        raise ValueError(f"{file}: no profile: it takes two samples after a dose at least")
    infused = [p.duration > 0 for p in found]
    if route is None and not all(infused):
        lacking = (
            ", or how long the infusions took whose end is not recorded: --infusion-hours" if read.interval else ""
        )
        raise typer.BadParameter(f"say how the dose was given{lacking}", param_hint="--route")
    how: Route = route or "infusion"
    time, value = rectangular([(p.time, p.concentration) for p in found])
    doses = np.array([np.nan if p.dose is None else p.dose for p in found])
    result = analysed(
        time, value, None if np.isnan(doses).all() else doses, route=how, tau=tau, method=method,
        duration=np.array([p.duration for p in found]) if how == "infusion" else 0.0, with_c_max=c_max,
    )  # fmt: skip
    named = result.named() | {f"auc {a:g} to {b:g}": result.partial(a, b) for a, b in cuts}
    power = None
    use = np.isfinite(result.auc_inf_obs) & np.isfinite(doses)
    if use.sum() > 2 and doses[use].max() >= 2 * doses[use].min():
        power = dose_proportionality(doses[use], result.auc_inf_obs[use])
    if plot:
        from posology.pharmacology.measured_figures import profile_chart

        _draw(profile_chart(result, time, value, [p.label for p in found], units=(time_unit, unit)), plot)
    if as_json:
        print_json({
            "method": method, "route": how, "unused": list(map(str, unused)), "notes": list(read.notes),
            "units": {"time": time_unit, "concentration": unit, "dose": dose_unit},
            "profiles": [
                {"profile": p.label, "patient": p.patient, "dose": p.dose, "concentration_at_dose": result.start[i],
                 **{n: _number(v[i]) for n, v in named.items()},
                 "points_used": [p.time[k] for k in np.nonzero(result.slope.used[i])[0]], "notes": list(result.why[i])}
                for i, p in enumerate(found)
            ],
            "proportionality": {k: _number(v) if isinstance(v, float) else v for k, v in vars(power).items()} if power else None,
        })  # fmt: skip
        return
    over = "" if how != "extravascular" else "/F"
    tables = {
        f"{len(found)} profiles, {how}, {method}": {
            "Cmax": "c_max", "Tmax": "t_max", "Tlast": "t_last", "AUClast": "auc_last", "AUCinf": "auc_inf_obs",
            "extrap. %": "extrapolated_obs", f"CL{over}": "clearance_obs", f"Vz{over}": "vz_obs",
            **({} if over else {"Vss": "vss_obs"}),
        },
        "Terminal slope: the points used and how well they fit": {
            "λz": "lambda_z", "t½": "half_life", "points": "points", "from": "first", "to": "last",
            "adj. r²": "adjusted_r_squared", "half-lives spanned": "span_ratio",
        },
    }  # fmt: skip
    if cuts:
        tables["Partial areas"] = {name: name for name in named if name.startswith("auc ")}
    if tau:
        tables[f"Within the interval of {tau:g}"] = {
            "AUCτ": "auc_tau", "Cavg": "average", "Cmin": "lowest", "Ctrough": "trough", "fluct. %": "fluctuation",
            "swing %": "swing", "accumulation": "accumulation", f"CL{over} (τ)": "tau_clearance",
        }  # fmt: skip
    for title, columns in tables.items():
        rows = [[p.label, *(_shown(named[key][i]) for key in columns.values())] for i, p in enumerate(found)]
        print_table(title, ["profile", *columns], rows)
    _said([(p.label, note) for p, notes in zip(found, result.why, strict=True) for note in notes])
    if any((time_unit, unit, dose_unit)):
        print("units: " + ", ".join(f"{what} {of}" for what, of in
                                    (("time", time_unit), ("concentration", unit), ("dose", dose_unit)) if of))  # fmt: skip
    for finding in unused:
        print(f"not used: {finding}")
    for note in read.notes:
        print(note)
    if power:
        low, high = power.region
        print(f"AUCinf ~ dose^{power.slope:.3f} (90 % interval {power.lower:.3f} to {power.upper:.3f}; proportional over a "
              f"{power.ratio:g}-fold range of doses within {low:.3f} to {high:.3f}): {power.verdict}")  # fmt: skip


def _said(notes: list[tuple[str, str]]) -> None:
    """Print notes once each, with the profiles they are about."""
    held: dict[str, list[str]] = {}
    for label, note in notes:
        held.setdefault(note, []).append(label)
    whole = len({label for label, _ in notes})
    for note, labels in held.items():
        who = (
            "all profiles"
            if len(labels) == whole and whole > 1
            else ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
        )
        print(f"{who}: {note}")


def fit(
    file: Annotated[str, typer.Argument(metavar="FILE|TRIAL", help="NONMEM event data (CSV), a folder of SDTM, or a trial's record.")],
    start: Annotated[str, typer.Option("--start", metavar="CL=0.4,V1=3,...", help="Where the search begins, in the file's units.")],
    model: Annotated[Form, typer.Option("--model", help="One or two compartments, or one with first-order absorption.")] = "two",
    random: Annotated[str | None, typer.Option("--random", metavar="CL,V1", help="What differs between patients (else all).")] = None,
    cv: Annotated[float, typer.Option("--cv", help="By how much, to begin with.")] = 0.3,
    error: Annotated[Error, typer.Option("--error", help="The residual error.")] = "proportional",
    sd: Annotated[str, typer.Option("--sd", metavar="PROP[,ADD]", help="Its standard deviations, to begin with.")] = "0.2,0.1",
    covariate: Annotated[
        list[str] | None, typer.Option("--covariate", metavar="CL~WT/70[^0.75]", help="An effect; its power is estimated unless given.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Estimate the covariances of the random effects.")] = False,
    sandwich: Annotated[bool, typer.Option("--sandwich", help="Standard errors by R⁻¹ S R⁻¹.")] = False,
    individual: Annotated[
        bool, typer.Option("--individual", help="Do not fit a population: each patient's parameters, given these values.")
    ] = False,
    bayes: Annotated[bool, typer.Option("--bayes", help="Sample the posterior (extra `bayes`); --start centres the prior.")] = False,
    draws: Annotated[int, typer.Option("--draws", help="By chain, of four.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Of everything random.")] = 1,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw goodness of fit, and beside it FILE-vpc: .png, .svg or .json.")
    ] = None,
    analyte: AnalyteOption = None, specimen: SpecimenOption = None, cutoff: CutoffOption = None, known_by: KnownByOption = None,
    infusion: InfusionOption = None,
    exposures: Annotated[
        Path | None, typer.Option("--exposures", metavar="FILE", help="Write each patient's AUC, Cmax and Ctrough of cycle 1 (CSV).")
    ] = None,
    tau: Annotated[
        float | None, typer.Option("--tau", help="How long cycle 1 is, for --exposures (of a record, as its protocol says).")
    ] = None,
    time_unit: TimeUnit = "", unit: Unit = "", as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Fit a compartment model to concentrations: a population by FOCE-I as in NONMEM, each patient, or by full Bayes.

    Values below quantification (BLQ, LLOQ) add the probability that they are (method M3).
    Example: posology fit data.csv --model two --start CL=0.4,V1=2,Q=0.6,V2=1 --plot fit.png
    """
    import numpy as np
    from rich.console import Console

    from posology.conduct.trial import end_of
    from posology.interchange.exposures import write_exposures
    from posology.interchange.measured import measured
    from posology.pharmacology.fit import fit as fitted
    from posology.pharmacology.fit import individual as each
    from posology.pharmacology.structural import MODELS

    _drawable(plot)
    form = MODELS[model]
    begin = _population(form, start, random, cv, error, sd, [_effect(text) for text in covariate or ()])
    read = measured(file, analyte=analyte, specimen=specimen, cutoff=cutoff, known_by=end_of(known_by) if known_by else None,
                    time="h" if time_unit == "h" else "d", infusion=infusion)  # fmt: skip
    time_unit, unit = read.labels(time_unit, unit)
    if exposures and not (tau or read.interval):
        raise typer.BadParameter("say how long cycle 1 is, in the data's unit of time", param_hint="--tau")
    events = read.events
    data = events.measurements([e.covariate for e in begin.effects])
    for name in {e.covariate for e in begin.effects} & set(events.varying):
        print(f"{name} changes within patients: its first value is used")
    if bayes:
        _bayes(form, data, begin, seed, draws, individual, as_json)
        return
    if individual:
        found = each(form, data, begin)
        if exposures:
            write_exposures(exposures, read, model, form, data, np.log(found.parameters), tau)
        rows = [{"patient": n, **{p: float(v) for p, v in zip(form.parameters, values, strict=True)}}
                for n, values in zip(data.names, found.parameters, strict=True)]  # fmt: skip
        for row, errors in zip(rows, found.standard_error, strict=True):
            row |= {f"{p} SE of log": float(e) for p, e in zip(form.parameters, errors, strict=True)}
        if as_json:
            print_json({"patients": rows})
        else:
            print_table("Most likely parameters, given the population", ["patient", *form.parameters],
                        [[r["patient"], *(_shown(r[p]) for p in form.parameters)] for r in rows])  # fmt: skip
        return
    with Console(stderr=True).status("fitting") as status:
        result = fitted(
            form, data, begin, full=full, errors="sandwich" if sandwich else "hessian",
            progress=lambda n, v: status.update(f"iteration {n}: objective function {v:.3f}"),
        )  # fmt: skip
    if exposures:
        write_exposures(exposures, read, model, form, data, np.log(result.parameters), tau)
    if plot:
        _diagnose(form, data, result, plot, seed, (time_unit, unit))
    if as_json:
        print_json(_fit_json(result, data.names, form.parameters))
        return
    print(f"objective function {result.objective:.3f}   AIC {result.aic:.2f}   BIC {result.bic:.2f}   "
          f"condition number {result.condition:.1f}")  # fmt: skip
    print_table(
        f"{form.name}: {len(data)} patients, {data.samples} concentrations, {int(data.below.sum())} below quantification",
        ("parameter", "estimate", "RSE %", "95 % interval", "shrinkage %"),
        [(e.name, _shown(e.value), _shown(e.relative), f"{_shown(e.lower)} to {_shown(e.upper)}", _shrinkage(result, e.name))
         for e in result.estimates],
    )  # fmt: skip
    print(f"omega: standard deviations on the log scale; shrinkage of the residuals {result.residual_shrinkage:.1f} %")
    for note in (*result.notes, *read.notes):
        print(note)


def _shrinkage(result: Fit, name: str) -> str:
    places = {f"omega {n}": i for i, n in enumerate(result.population.random)}
    return f"{result.shrinkage[places[name]]:.1f}" if name in places else ""


def _fit_json(result: Fit, names: tuple[str, ...], parameters: tuple[str, ...]) -> dict[str, Any]:
    return {
        "objective": result.objective, "log_likelihood": result.log_likelihood, "aic": result.aic, "bic": result.bic,
        "condition_number": _number(result.condition),
        "estimates": [{k: _number(v) if isinstance(v, float) else v for k, v in vars(e).items()} for e in result.estimates],
        "shrinkage": dict(zip(result.population.random, map(_number, result.shrinkage), strict=True)),
        "residual_shrinkage": result.residual_shrinkage, "evaluations": result.evaluations, "notes": list(result.notes),
        "patients": [{"patient": n, **dict(zip(parameters, map(float, row), strict=True))}
                     for n, row in zip(names, result.parameters, strict=True)],
    }  # fmt: skip


def _population(
    form: Predicts, start: str, random: str | None, cv: float, error: Error, sd: str, effects: list[Effect]
) -> Population:
    import numpy as np

    from posology.pharmacology.fit import Population
    from posology.pharmacology.likelihood import Residual

    try:
        typical = {name.strip(): float(value) for name, _, value in (part.partition("=") for part in start.split(","))}
        spreads = [float(part) for part in sd.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"{start!r}, {sd!r}: write CL=0.4,V1=3 and 0.2,0.1", param_hint="--start, --sd"
        ) from None
    if set(typical) != set(form.parameters):
        raise typer.BadParameter(
            f"needs {', '.join(form.parameters)}; it has {', '.join(typical)}", param_hint="--start"
        )
    if not cv > 0 or not all(s > 0 for s in spreads):
        raise typer.BadParameter(
            "a coefficient of variation and a standard deviation are above 0", param_hint="--cv, --sd"
        )
    names = tuple(part.strip() for part in random.split(",")) if random else tuple(form.parameters)
    proportional, additive = spreads[0], spreads[-1]
    residual = {"additive": Residual(additive, 0.0), "proportional": Residual(0.0, proportional),
                "both": Residual(additive, proportional)}[error]  # fmt: skip
    return Population(typical, names, np.eye(len(names)) * np.log1p(cv**2), residual, tuple(effects))


def _effect(text: str) -> Effect:
    from posology.pharmacology.fit import Effect

    found = re.fullmatch(r"\s*(\w+)\s*~\s*(\w+)\s*/\s*([\d.]+)\s*(?:\^\s*(-?[\d.]+))?\s*", text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write CL~WT/70 or CL~WT/70^0.75", param_hint="--covariate")
    parameter, covariate, reference, power = found.groups()
    return Effect(parameter, covariate.upper(), float(reference), float(power) if power else None)


def _bayes(
    form: Predicts, data: Any, begin: Population, seed: int, draws: int, individual: bool, as_json: bool
) -> None:
    from rich.console import Console

    from posology.pharmacology.bayes import Posterior, Prior, sample_individual, sample_population

    held: dict[str, Posterior] = {}
    if begin.effects and not individual:
        raise typer.BadParameter("covariates are not sampled; fit them by maximum likelihood", param_hint="--covariate")
    with Console(stderr=True).status("sampling") as status:
        if individual:
            for row, name in enumerate(data.names):
                status.update(f"sampling patient {name}")
                held[name] = sample_individual(form, data.only([row]), begin, seed=seed + row, draws=draws)
        else:
            prior = Prior(begin.typical, begin.random, residual=begin.residual)
            held["population"] = sample_population(form, data, prior, seed=seed, draws=draws)
    rows = [
        {"of": of, "quantity": name, **dict(zip(("median", "lower", "upper"), p.interval(name), strict=True)),
         "r_hat": p.r_hat[name], "effective": p.effective[name]}
        for of, p in held.items() for name in p.draws
    ]  # fmt: skip
    notes = [f"{of}: {note}" for of, p in held.items() for note in p.notes]
    if as_json:
        print_json({"posterior": rows, "notes": notes})
        return
    print_table("Posterior", ("of", "quantity", "median", "95 % interval", "R-hat", "effective draws"), [
        (r["of"], r["quantity"], _shown(r["median"]), f"{_shown(r['lower'])} to {_shown(r['upper'])}", f"{r['r_hat']:.3f}",
         f"{r['effective']:.0f}") for r in rows
    ])  # fmt: skip
    print("\n".join(notes))


def _diagnose(form: Predicts, data: Any, result: Fit, plot: Path, seed: int, units: tuple[str, str]) -> None:
    import numpy as np

    from posology.pharmacology.diagnostics import residuals, visual_predictive_check
    from posology.pharmacology.measured_figures import goodness_chart, vpc_chart

    rng = np.random.default_rng(seed)
    _draw(goodness_chart(data, residuals(form, data, result.population, rng, repeats=300), units=units), plot)
    check = visual_predictive_check(form, data, result.population, rng, bins=min(8, data.samples))
    _draw(
        vpc_chart(check, units=units, log=result.population.residual.proportional > 0),
        plot.with_stem(f"{plot.stem}-vpc"),
    )


def _number(value: Any) -> float | None:
    """Return a number as JSON has it: null for what is not determined."""
    number = float(value)
    return number if abs(number) < float("inf") else None


def _shown(value: Any) -> str:
    number = _number(value)
    return MISSING if number is None else f"{number:.4g}"


def _pair(text: str) -> tuple[float, float]:
    try:
        begin, end = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write two times, as 0,24", param_hint="--partial") from None
    return begin, end


def _drawable(plot: Path | None) -> None:
    if plot is not None and plot.suffix not in KINDS:
        raise typer.BadParameter(f"{plot}: a figure ends in {', '.join(KINDS)}", param_hint="--plot")


def _draw(chart: Any, path: Path) -> None:
    """Write a chart as its file's name says."""
    import json

    from posology.readout.drawing import save, write_text

    if path.suffix == ".json":
        write_text(path, json.dumps(chart.to_dict()))
    else:
        save(chart, path, "svg" if path.suffix == ".svg" else "png")
