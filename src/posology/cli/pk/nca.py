"""What was measured, without a model: non-compartmental analysis."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import Concentrations, FigureOption, JsonOption, in_a_folder, number, options
from posology.cli._output import four_digits, json_number, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posology.interchange.pk.profile_nca import ProfileAnalysis
    from posology.interchange.pk.profile_summary import GroupSummary
    from posology.interchange.pk.sources import Measured

app = typer.Typer(no_args_is_help=True)
Route = Literal["extravascular", "bolus", "infusion"]
Method = Literal["linear-up log-down", "linear", "linear log"]
SUMMARISED = (
    "c_max",
    "t_max",
    "auc_last",
    "auc_inf_obs",
    "auc_tau",
    "half_life",
    "clearance_obs",
    "clearance_ss",
    "vz_obs",
)
SteadyState = Literal["flagged", "later", "all"]


@app.command("nca")
@options
def nca(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|TRIAL", help="Event data (CSV), SDTM PC (a file), a folder of SDTM, or a trial's record."
        ),
    ],
    source: Concentrations,
    route: Annotated[
        Route | None, typer.Option("--route", help="How the dose was given (else infusion, where all say how long).")
    ] = None,
    tau: Annotated[
        float | None,
        number(
            "--tau",
            "The dosing interval, in the unit of time: adds what holds within it, and makes no dose a steady state "
            "(else the data's own)",
            above=0,
        ),
    ] = None,
    steady_state: Annotated[
        SteadyState,
        typer.Option(
            "--steady-state",
            help=(
                "Which profiles are at steady state: those that the data flag (SS), also all but a patient's first, or"
                " all."
            ),
        ),
    ] = "flagged",
    blq: Annotated[
        str,
        typer.Option(
            "--blq",
            metavar="RULE",
            help="What stands for values below quantification: zero, drop or a number, by first=, middle=, last=; or "
            "before=, after= (Tmax).",
        ),
    ] = "first=zero,middle=drop,last=zero",
    points: Annotated[
        list[str] | None,
        typer.Option(
            "--points",
            metavar="PROFILE=T1,T2,...",
            help="The points of λz of a profile, chosen by hand (else by adjusted r²); may be given again.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PROFILE=T1,...",
            help="Points that λz of a profile may not take (else none); may be given again.",
        ),
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="The trapezoids.")] = "linear-up log-down",
    c_max: Annotated[bool, typer.Option("--with-cmax", help="Let Cmax be a point of the terminal slope.")] = False,
    partial: Annotated[
        list[str] | None,
        typer.Option(
            "--partial",
            metavar="START,END",
            help="A partial area, in the unit of time (else none); may be given again.",
        ),
    ] = None,
    figure: FigureOption = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            "--summary", metavar="FILE", help="Write every parameter by dose and cycle to this .csv (else it is not)."
        ),
    ] = None,
    pp: Annotated[
        Path | None,
        typer.Option(
            "--pp",
            metavar="FILE",
            help="Write the parameters as SDTM PP to this .xpt, .json, .ndjson, .parquet or .csv, of a record or a folder "
            "of SDTM (else they are not).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Analyse concentration profiles without a model: exposure, terminal slope and its points, clearance, volumes.

    Clearance and volumes follow from AUCinf after a patient's first dose and from AUCτ at steady state (SS in the data,
    or
    --steady-state with --tau); after another dose they are not given. Units are those of the file; of a record, days
    (or
    --time-unit h), mg, and its concentrations' own. Where doses differ twofold or more, dose proportionality is judged
    by the power model.

    Example: posology pk nca concentrations.csv --route bolus --figure profiles.png
    """
    from posology.interchange.pk.profile_nca import Choices, WrongChoice, analyse_profiles
    from posology.interchange.pk.profile_summary import summaries, summary_csv
    from posology.pharmacology.blq import BlqRule
    from posology.shared.files import write_text

    choices = Choices(
        route=route,
        tau=tau,
        steady_state=steady_state,
        blq=BlqRule.parse(blq),
        points=_by_profile("--points", points),
        exclude=_by_profile("--exclude", exclude),
        method=method,
        allow_tmax=c_max,
        partial=[_pair(text) for text in partial or ()],
    )
    in_a_folder(pp)
    in_a_folder(summary)
    if summary and summary.suffix.lower() != ".csv":
        raise typer.BadParameter(f"{str(summary)!r}: a summary ends in .csv", param_hint="--summary")
    read = read_concentrations(file, source)
    time_unit, unit = read.labels(source.time_unit, source.unit)
    units = (time_unit, unit, read.units[2])
    try:
        made = analyse_profiles(read, choices)
    except WrongChoice as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from None
    figures = _draw(made, figure, (time_unit, unit)) if figure else []
    if pp:
        from posology.interchange.pk.parameters_domain import write_pp

        write_pp(made, read, pp)
    groups = summaries(made, units)
    if summary:
        write_text(summary, summary_csv(groups))
    if as_json:
        print_json({"summary": _summary_data(groups)} | _as_data(made, read, units, blq))
    else:
        _show(made, read, units)
        _show_summary(groups)
        for path in (*figures, summary, pp):
            if path is not None:
                print(f"wrote {path}")


def read_concentrations(
    file: str, source: Concentrations, analytes: tuple[str, ...] = (), used: Sequence[str] = ()
) -> Measured:
    """Read the concentrations that the options name: of one analyte, or of several that belong together.

    ``used`` are the columns that are covariates or number the occasions.
    """
    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.sources import BesidePc, ColumnChoice, measured

    return measured(
        file,
        analyte=source.analyte,
        analytes=analytes,
        specimen=source.specimen,
        cutoff=source.cutoff,
        known_by=end_of_day(source.known_by) if source.known_by else None,
        time="h" if source.time_unit == "h" else "d" if source.time_unit == "d" else None,
        beside=BesidePc(source.dosing, source.vitals, source.unit),
        columns=ColumnChoice(source.named_columns, used, source.ignored_columns),
        infusion=source.infusion,
    )


def _tables(made: ProfileAnalysis) -> dict[str, dict[str, str]]:
    """Return the tables that are shown: by title, the columns and the parameter that each holds."""
    import numpy as np

    over, count = "/F" if made.route == "extravascular" else "", len(made.profiles)

    def vss(name: str) -> dict[str, str]:
        return {} if over else {"Vss": name}

    tables = {
        f"{count} profile{'s' * (count != 1)}, {made.route}, {made.results.method}": {
            "Cmax": "c_max",
            "Tmax": "t_max",
            "Tlast": "t_last",
            "AUClast": "auc_last",
            "AUCinf": "auc_inf_obs",
            "extrap. %": "extrapolated_obs",
            f"CL{over}": "clearance_obs",
            f"Vz{over}": "vz_obs",
            **vss("vss_obs"),
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
    if areas := {name: name for name in made.named if name.startswith("auc ")}:
        tables["Partial areas"] = areas
    if not np.isnan(made.results.interval.tau).all():
        tables["Within the dosing interval"] = {
            "AUCτ": "auc_tau",
            "Cavg": "average",
            "Cmin": "lowest",
            "Cτ": "trough",
            "fluct. %": "fluctuation",
            "swing %": "swing",
            "accumulation": "accumulation",
        }
    if "steady state" in made.results.dosing:
        tables["At steady state, from AUCτ"] = {
            f"CL{over}": "clearance_ss",
            f"Vz{over}": "vz_ss",
            "MRT": "mrt_ss",
            **vss("vss_ss"),
        }
    return tables


def _as_data(made: ProfileAnalysis, read: Measured, units: tuple[str, str, str], blq: str) -> dict[str, Any]:
    """Return the analysis as plain data."""
    from posology.pharmacology.nca.registry import PARAMETERS

    return {
        "method": made.results.method,
        "route": made.route,
        "blq": blq,
        "parameters": {
            q.name: {
                "symbol": q.symbol,
                "unit": q.unit_in(*units),
                "PPTESTCD": q.code_extravascular if made.route == "extravascular" else q.code,
            }
            for q in PARAMETERS
            if q.name in made.named
        },
        "unused": list(map(str, read.unused)),
        "notes": list(read.notes),
        "units": dict(zip(("time", "concentration", "dose"), units, strict=True)),
        "profiles": [
            {
                "profile": profile.label,
                "patient": profile.patient,
                "dose": profile.dose,
                "dosing": made.results.dosing[i],
                "concentration_at_dose": made.results.start[i],
                **{name: json_number(values[i]) for name, values in made.named.items()},
                "points_used": [profile.time[k] for k in made.results.slope.used[i].nonzero()[0]],
                "notes": list(made.results.notes[i]),
            }
            for i, profile in enumerate(made.profiles)
        ],
        "proportionality": [
            {"exposure": what, **{k: json_number(v) if isinstance(v, float) else v for k, v in vars(power).items()}}
            for what, power in made.proportionality
        ],
    }


def _show(made: ProfileAnalysis, read: Measured, units: tuple[str, str, str]) -> None:
    """Print the tables, what the results rest on, and dose proportionality."""
    for title, columns in _tables(made).items():
        rows = [
            [profile.label, *(four_digits(made.named[key][i]) for key in columns.values())]
            for i, profile in enumerate(made.profiles)
        ]
        print_table(title, ["profile", *columns], rows)
    _print_notes(
        [(p.label, note) for p, notes in zip(made.profiles, made.results.notes, strict=True) for note in notes]
    )
    known = [f"{what} {unit}" for what, unit in zip(("time", "concentration", "dose"), units, strict=True) if unit]
    print("units: " + (", ".join(known) or "those of the file (--time-unit and --unit name them)"))
    for finding in read.unused:
        print(f"not used: {finding}")
    for note in read.notes:
        print(note)
    for what, power in made.proportionality:
        low, high = power.region
        print(
            f"{what} ~ dose^{power.slope:.3f} (90 % interval {power.lower:.3f} to {power.upper:.3f}, {power.profiles}"
            f" doses of {power.patients} patients, {power.degrees} degrees of freedom; proportional over a"
            f" {power.ratio:.3g}-fold range of doses within {low:.3f} to {high:.3f}): {power.verdict}"
        )


def _draw(made: ProfileAnalysis, figure: Path, units: tuple[str, str]) -> list[Path]:
    """Draw every profile, on as many pages as it takes (FILE, FILE-2, ...); return their files."""
    from posology.reports.pk_figures import PANELS, profile_chart
    from posology.shared.charts import save_chart

    labels = [profile.label for profile in made.profiles]
    paths = []
    for page in range(math.ceil(len(labels) / PANELS)):
        chart = profile_chart(made.results, made.time, made.concentration, labels, units=units, page=page)
        paths.append(figure.with_stem(f"{figure.stem}-{page + 1}") if page else figure)
        save_chart(chart, paths[-1])
    return paths


def _summary_data(groups: Sequence[GroupSummary]) -> list[dict[str, Any]]:
    """Return summaries as plain data."""
    return [
        {name: value for name, value in vars(group).items() if name != "values"}
        | {name: json_number(value) for name, value in vars(group.values).items()}
        for group in groups
    ]


def _show_summary(groups: Sequence[GroupSummary]) -> None:
    """Print the main parameters of each dose and cycle that has several profiles."""
    rows = []
    for group in groups:
        if group.parameter in SUMMARISED and group.profiles > 1:
            found, name = group.values, f"{group.symbol} [{group.unit}]" if group.unit else group.symbol
            numbers = map(four_digits, (found.geometric_mean, found.geometric_cv, found.median))
            spread = f"{four_digits(found.lowest)} to {four_digits(found.highest)}"
            rows.append([group.dose, group.occasion, name, f"{found.n} of {group.profiles}", *numbers, spread])
    columns = ["dose", "after", "parameter", "n", "geometric mean", "CV %", "median", "range"]
    if rows:
        print_table("By dose and cycle", columns, rows)


def _by_profile(option: str, texts: list[str] | None) -> dict[str, list[float]]:
    """Read times by profile, as ``PROFILE=T1,T2``."""
    found: dict[str, list[float]] = {}
    for text in texts or ():
        label, _, times = text.rpartition("=")
        try:
            found.setdefault(label, []).extend(float(time) for time in times.split(","))
        except ValueError:
            raise typer.BadParameter(f"{times!r}: write {label or 'PROFILE'}=8,12,24", param_hint=option) from None
    return found


def _print_notes(notes: list[tuple[str, str]]) -> None:
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
        begin = end = math.nan
    if not 0 <= begin < end < math.inf:
        raise typer.BadParameter(f"{text!r}: write two times, as 0,24", param_hint="--partial")
    return begin, end
