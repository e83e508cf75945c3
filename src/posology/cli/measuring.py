"""Commands on what was measured: non-compartmental analysis, exposure and response."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli.common import JsonOption, TrialArgument, day, print_json, print_table

if TYPE_CHECKING:
    from posology.interchange.nonmem import Finding

Route = Literal["extravascular", "bolus", "infusion"]
Method = Literal["linear-up log-down", "linear", "linear log"]
Outcome = Literal["dlt", "ocular", "response"]

PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw it to this file: .png, .svg or .json (Vega-Lite).")
]
TimeUnit = Annotated[str, typer.Option("--time-unit", metavar="UNIT", help="Of TIME, for the labels.")]
Unit = Annotated[str, typer.Option("--unit", metavar="UNIT", help="Of concentrations, for the labels.")]
KINDS = (".png", ".svg", ".json")
MISSING = "–"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: dict[str, Callable[..., None]] = {"nca": nca, "exposure": exposure}
    for name, command in commands.items():
        app.command(name, rich_help_panel="Measure")(command)


def nca(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Concentrations: NONMEM event data, or SDTM PC, as CSV.")],
    ex: Annotated[Path | None, typer.Option("--ex", metavar="FILE", help="SDTM EX (CSV): the doses of a PC file.")] = None,
    route: Annotated[Route | None, typer.Option("--route", help="How the dose was given.")] = None,
    tau: Annotated[float | None, typer.Option("--tau", help="The dosing interval: adds results at steady state.")] = None,
    method: Annotated[Method, typer.Option("--method", help="The trapezoids.")] = "linear-up log-down",
    c_max: Annotated[bool, typer.Option("--with-cmax", help="Let Cmax be a point of the terminal slope.")] = False,
    partial: Annotated[
        list[str] | None, typer.Option("--partial", metavar="START,END", help="A partial area (may be repeated).")
    ] = None,
    analyte: Annotated[str | None, typer.Option("--analyte", help="PCTESTCD, where there are several.")] = None,
    specimen: Annotated[str | None, typer.Option("--specimen", help="PCSPEC, where there are several.")] = None,
    plot: PlotOption = None, time_unit: TimeUnit = "", unit: Unit = "", as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Analyse concentration profiles without a model: exposure, terminal slope and its points, clearance, volumes.

    Units are those of the file. Where doses differ twofold or more, dose proportionality is judged by the power
    model. Example: posology nca concentrations.csv --route infusion --plot profiles.png
    """
    import numpy as np

    from posology.interchange.concentrations import is_sdtm, profiles, sdtm_profiles
    from posology.interchange.nonmem import read
    from posology.pharmacology.nca import nca as analysed
    from posology.pharmacology.profiles import rectangular
    from posology.pharmacology.proportionality import dose_proportionality

    _drawable(plot)
    cuts = [_pair(text) for text in partial or ()]
    unused: list[Finding] = []
    if is_sdtm(file):
        found, unused = sdtm_profiles(file, ex, analyte=analyte, specimen=specimen)
    else:
        found = profiles(read(file))
    if not found:
        raise ValueError(f"{file}: no profile: it takes two samples after a dose at least")
    infused = [p.duration > 0 for p in found]
    if route is None and not all(infused):
        raise typer.BadParameter("say how the dose was given", param_hint="--route")
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
            "method": method, "route": how, "unused": list(map(str, unused)),
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
    for finding in unused:
        print(f"not used: {finding}")
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


def exposure(
    trial: TrialArgument,
    outcome: Annotated[Outcome, typer.Option("--outcome", help="The event.")] = "dlt",
    by: Annotated[
        str, typer.Option("--exposure", metavar="mg|mg/kg|FILE", help="The first dose, or a CSV file: patient, exposure.")
    ] = "mg/kg",
    at: Annotated[list[float] | None, typer.Option("--at", metavar="EXPOSURE", help="What this exposure would do (may be repeated).")] = None,
    time: Annotated[
        int | None, typer.Option("--by-day", metavar="DAY", help="Time to the first event instead: its chance by this day.")
    ] = None,
    as_of: Annotated[date | None, typer.Option("--as-of", metavar="DATE", parser=day, help="By that day (else the last locked cutoff, or today).")] = None,
    plot: PlotOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Relate exposure to DLT, ocular events or response: odds or hazard ratio, quartiles, what an exposure would do.

    Logistic regression with Firth's penalty; with --by-day, exponential and Cox regression of the time to the first
    event. Example: posology exposure mytrial.posology --outcome ocular --at 6 --plot ocular.png
    """
    import numpy as np

    from posology.cli.reporting import _last_cutoff
    from posology.conduct.trial import Trial
    from posology.pharmacology.exposure import cox, exponential, logistic, quantiles
    from posology.readout.exposure_response import OUTCOMES, exposures_from, observed
    from posology.record.state import fold

    _drawable(plot)
    known = by in ("mg", "mg/kg")
    if not known and not Path(by).exists():
        raise typer.BadParameter(f"{by!r} is neither mg, mg/kg nor a file", param_hint="--exposure")
    with Trial.open(trial) as opened:
        events = opened.events()
    on = as_of or _last_cutoff(events)
    exposures: Any = by if known else exposures_from(by)
    seen, left = observed(fold(events, occurred_by=on), on, outcome, exposures)
    x, y = np.array([o.exposure for o in seen]), np.array([o.event for o in seen], bool)
    days = np.array([o.days for o in seen], float)
    unit = 1.0 if by == "mg/kg" else None
    model = exponential(x, days, y, unit=unit) if time else logistic(x, y, unit=unit)
    groups = quantiles(x, y)
    hazard = cox(x, days, y, unit=unit) if time else None
    wanted = np.array(at if at else groups.median)
    chance = model.at(wanted, time) if time else model.at(wanted)
    label = f"exposure ({by})" if known else "exposure"
    title = f"{OUTCOMES[outcome]}" + (f" by day {time}" if time else "")
    if plot:
        from posology.pharmacology.measured_figures import exposure_chart

        _draw(exposure_chart(model, x, y, groups, title=title, label=label, time=time), plot)
    named = ("ratio", "lower", "upper")
    if as_json:
        print_json({
            "outcome": outcome, "exposure": by, "as_of": on, "patients": len(seen), "events": int(y.sum()), "left_out": left,
            "model": {"kind": model.kind, "intercept": model.intercept, "slope": model.slope, "unit": model.unit,
                      **dict(zip(named, map(_number, model.ratio), strict=True)), "p_value": model.p_value, "notes": list(model.notes)},
            "cox": {**dict(zip(named, map(_number, hazard.ratio), strict=True)), "p_value": hazard.p_value} if hazard else None,
            "groups": [{k: float(v[i]) for k, v in vars(groups).items() if k != "edges"} for i in range(len(groups.patients))],
            "predicted": [{"exposure": float(e), "chance": float(c), "lower": float(a), "upper": float(b)}
                          for e, c, a, b in zip(wanted, *chance, strict=True)],
        })  # fmt: skip
        return
    ratio, low, high = model.ratio
    what = "hazard ratio" if time else "odds ratio"
    print(f"{title}, as of {on}: {int(y.sum())} of {len(seen)} patients")
    print(
        f"{what} per {model.unit:.3g} of {label}: {ratio:.2f} (95 % interval {low:.2f} to {high:.2f}; p = {model.p_value:.3f})"
    )
    if hazard:
        print("hazard ratio without a baseline (Cox): {:.2f} ({:.2f} to {:.2f})".format(*hazard.ratio))
    print_table("By quartile of exposure", ("median", "patients", "events", "share", "95 % interval"), [
        (f"{m:.3g}", n, k, f"{s:.0%}", f"{a:.0%} to {b:.0%}")
        for m, n, k, s, a, b in zip(groups.median, groups.patients, groups.events, groups.share, groups.lower, groups.upper, strict=True)
    ])  # fmt: skip
    print_table("By the model", ("exposure", "chance", "95 % interval"), [
        (f"{e:.3g}", f"{c:.1%}", f"{a:.1%} to {b:.1%}") for e, c, a, b in zip(wanted, *chance, strict=True)
    ])  # fmt: skip
    for note in (*model.notes, *(f"left out: {text}" for text in left)):
        print(note)


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
