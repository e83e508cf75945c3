"""What was measured, without a model: non-compartmental analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from posology.cli._options import AnalyteOption, CutoffOption, InfusionOption, JsonOption, KnownByOption, SpecimenOption
from posology.cli._output import four_digits, json_number, print_json, print_table

app = typer.Typer(no_args_is_help=True)
Route = Literal["extravascular", "bolus", "infusion"]
Method = Literal["linear-up log-down", "linear", "linear log"]


@app.command("nca")
def nca(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|TRIAL", help="NONMEM event data or SDTM PC (CSV), a folder of SDTM, or a trial's record."
        ),
    ],
    ex: Annotated[
        Path | None, typer.Option("--ex", metavar="FILE", help="SDTM EX (CSV): the doses of a PC file.")
    ] = None,
    route: Annotated[Route | None, typer.Option("--route", help="How the dose was given.")] = None,
    tau: Annotated[
        float | None, typer.Option("--tau", help="The dosing interval: adds results at steady state.")
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="The trapezoids.")] = "linear-up log-down",
    c_max: Annotated[bool, typer.Option("--with-cmax", help="Let Cmax be a point of the terminal slope.")] = False,
    partial: Annotated[
        list[str] | None, typer.Option("--partial", metavar="START,END", help="A partial area (may be repeated).")
    ] = None,
    analyte: AnalyteOption = None,
    specimen: SpecimenOption = None,
    cutoff: CutoffOption = None,
    known_by: KnownByOption = None,
    infusion: InfusionOption = None,
    plot: PlotOption = None,
    time_unit: TimeUnit = "",
    unit: Unit = "",
    as_json: JsonOption = False,
) -> None:
    """Analyse concentration profiles without a model: exposure, terminal slope and its points, clearance, volumes.

    Units are those of the file; of a record, days (or --time-unit h), mg, and its concentrations' own. Where doses differ twofold or more, dose proportionality is judged by the power
    model. Example: posology pk nca concentrations.csv --route bolus --plot profiles.png
    """
    import numpy as np

    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.sources import measured
    from posology.pharmacology.nca.dose_proportionality import dose_proportionality
    from posology.pharmacology.nca.parameters import nca as analysed
    from posology.pharmacology.nca.profiles import padded

    check_figure(plot)
    cuts = [_pair(text) for text in partial or ()]
    read = measured(
        file,
        ex=ex,
        analyte=analyte,
        specimen=specimen,
        cutoff=cutoff,
        known_by=end_of_day(known_by) if known_by else None,
        time="h" if time_unit == "h" else "d",
        infusion=infusion,
    )
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
    if how == "infusion" and not all(infused):
        first = found[infused.index(False)]
        known = "--infusion-hours" if read.interval else "the column RATE"
        raise ValueError(f"{file}: patient {first.label}: how long the infusion took is not known; {known} tells it")
    time, value = padded([(p.time, p.concentration) for p in found])
    doses = np.array([np.nan if p.dose is None else p.dose for p in found])
    result = analysed(
        time,
        value,
        None if np.isnan(doses).all() else doses,
        route=how,
        tau=tau,
        method=method,
        duration=np.array([p.duration for p in found]) if how == "infusion" else 0.0,
        with_c_max=c_max,
    )
    named = result.named() | {f"auc {a:g} to {b:g}": result.partial(a, b) for a, b in cuts}
    power = None
    use = np.isfinite(result.auc_inf_obs) & np.isfinite(doses)
    if use.sum() > 2 and doses[use].max() >= 2 * doses[use].min():
        power = dose_proportionality(doses[use], result.auc_inf_obs[use])
    if plot:
        from posology.reports.pk_figures import profile_chart
        from posology.shared.charts import save_chart

        save_chart(profile_chart(result, time, value, [p.label for p in found], units=(time_unit, unit)), plot)
    if as_json:
        print_json(
            {
                "method": method,
                "route": how,
                "unused": list(map(str, unused)),
                "notes": list(read.notes),
                "units": {"time": time_unit, "concentration": unit, "dose": dose_unit},
                "profiles": [
                    {
                        "profile": p.label,
                        "patient": p.patient,
                        "dose": p.dose,
                        "concentration_at_dose": result.start[i],
                        **{n: json_number(v[i]) for n, v in named.items()},
                        "points_used": [p.time[k] for k in np.nonzero(result.slope.used[i])[0]],
                        "notes": list(result.why[i]),
                    }
                    for i, p in enumerate(found)
                ],
                "proportionality": {k: json_number(v) if isinstance(v, float) else v for k, v in vars(power).items()}
                if power
                else None,
            }
        )
        return
    over = "" if how != "extravascular" else "/F"
    tables = {
        f"{len(found)} profile{'s' * (len(found) != 1)}, {how}, {method}": {
            "Cmax": "c_max",
            "Tmax": "t_max",
            "Tlast": "t_last",
            "AUClast": "auc_last",
            "AUCinf": "auc_inf_obs",
            "extrap. %": "extrapolated_obs",
            f"CL{over}": "clearance_obs",
            f"Vz{over}": "vz_obs",
            **({} if over else {"Vss": "vss_obs"}),
        },
        "Terminal slope: the points used and how well they fit": {
            "λz": "lambda_z",
            "t½": "half_life",
            "points": "points",
            "from": "first",
            "to": "last",
            "adj. r²": "adjusted_r_squared",
            "half-lives spanned": "span_ratio",
        },
    }
    if cuts:
        tables["Partial areas"] = {name: name for name in named if name.startswith("auc ")}
    if tau:
        tables[f"Within the interval of {tau:g}"] = {
            "AUCτ": "auc_tau",
            "Cavg": "average",
            "Cmin": "lowest",
            "Ctrough": "trough",
            "fluct. %": "fluctuation",
            "swing %": "swing",
            "accumulation": "accumulation",
            f"CL{over} (τ)": "tau_clearance",
        }
    for title, columns in tables.items():
        rows = [[p.label, *(four_digits(named[key][i]) for key in columns.values())] for i, p in enumerate(found)]
        print_table(title, ["profile", *columns], rows)
    _said([(p.label, note) for p, notes in zip(found, result.why, strict=True) for note in notes])
    if not any((time_unit, unit, dose_unit)):
        print("units: those of the file (--time-unit and --unit name them)")
    else:
        print(
            "units: "
            + ", ".join(
                f"{what} {of}" for what, of in (("time", time_unit), ("concentration", unit), ("dose", dose_unit)) if of
            )
        )
    for finding in unused:
        print(f"not used: {finding}")
    for note in read.notes:
        print(note)
    if power:
        low, high = power.region
        print(
            f"AUCinf ~ dose^{power.slope:.3f} (90 % interval {power.lower:.3f} to {power.upper:.3f}; proportional over a "
            f"{power.ratio:.3g}-fold range of doses within {low:.3f} to {high:.3f}): {power.verdict}"
        )


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


def _pair(text: str) -> tuple[float, float]:
    try:
        begin, end = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write two times, as 0,24", param_hint="--partial") from None
    return begin, end
