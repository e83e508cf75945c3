"""What was measured, without a model: non-compartmental analysis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posology.cli._options import (
    AnalyteOption,
    CutoffOption,
    InfusionOption,
    JsonOption,
    KnownByOption,
    PlotOption,
    SpecimenOption,
    TimeUnit,
    Unit,
    check_figure,
)
from posology.cli._output import four_digits, json_number, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posology.interchange.pk.pc_profiles import Profile
    from posology.pharmacology.nca.dose_proportionality import Proportionality
    from posology.pharmacology.nca.parameters import Dosing, NcaResults
    from posology.shared.arrays import Bools, Floats

app = typer.Typer(no_args_is_help=True)


Route = Literal["extravascular", "bolus", "infusion"]


Method = Literal["linear-up log-down", "linear", "linear log"]


SteadyState = Literal["flagged", "later", "all"]


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
        float | None,
        typer.Option(
            "--tau", min=0, help="The dosing interval: adds what holds within it. It makes no dose a steady state."
        ),
    ] = None,
    steady_state: Annotated[
        SteadyState,
        typer.Option(
            "--steady-state",
            help="Which profiles are at steady state: those that the data flag (SS), also all but a patient's first, or all.",
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
            help="The points of λz of a profile, chosen by hand (may be repeated).",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude", metavar="PROFILE=T1,...", help="Points that λz of a profile may not take (may be repeated)."
        ),
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

    Clearance and volumes follow from AUCinf after a patient's first dose and from AUCτ at steady state (SS in the data, or
    --steady-state with --tau); after another dose they are not given. Units are those of the file; of a record, days (or
    --time-unit h), mg, and its concentrations' own. Where doses differ twofold or more, dose proportionality is judged by
    the power model. Example: posology pk nca concentrations.csv --route bolus --plot profiles.png
    """
    import numpy as np

    from posology.conduct.trial import end_of_day
    from posology.interchange.pk.sources import measured
    from posology.pharmacology.blq import BlqRule
    from posology.pharmacology.nca.parameters import nca as analysed
    from posology.pharmacology.nca.profiles import padded
    from posology.pharmacology.nca.registry import PARAMETERS

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
    labels = [p.label for p in found]
    chosen, excluded = (
        _points(option, texts, labels, time) for option, texts in (("--points", points), ("--exclude", exclude))
    )
    result = analysed(
        time,
        value,
        None if np.isnan(doses).all() else doses,
        route=how,
        dosing=[_dosing(p, steady_state) for p in found],
        tau=np.array([p.steady_interval or tau or np.nan for p in found]),
        method=method,
        blq=BlqRule.parse(blq),
        duration=np.array([p.duration for p in found]) if how == "infusion" else 0.0,
        allow_tmax=c_max,
        manual_points=chosen,
        excluded_points=excluded,
    )
    named = result.named() | {f"auc {a:g} to {b:g}": result.partial(a, b) for a, b in cuts}
    power = _proportionality(found, doses, result)
    if plot:
        from posology.reports.pk_figures import profile_chart
        from posology.shared.charts import save_chart

        save_chart(profile_chart(result, time, value, [p.label for p in found], units=(time_unit, unit)), plot)
    if as_json:
        print_json(
            {
                "method": method,
                "route": how,
                "blq": blq,
                "parameters": {
                    q.name: {
                        "symbol": q.symbol,
                        "unit": q.unit_in(time_unit, unit, dose_unit),
                        "PPTESTCD": q.code_extravascular if how == "extravascular" else q.code,
                    }
                    for q in PARAMETERS
                    if q.name in named
                },
                "unused": list(map(str, unused)),
                "notes": list(read.notes),
                "units": {"time": time_unit, "concentration": unit, "dose": dose_unit},
                "profiles": [
                    {
                        "profile": p.label,
                        "patient": p.patient,
                        "dose": p.dose,
                        "dosing": result.dosing[i],
                        "concentration_at_dose": result.start[i],
                        **{n: json_number(v[i]) for n, v in named.items()},
                        "points_used": [p.time[k] for k in np.nonzero(result.slope.used[i])[0]],
                        "notes": list(result.notes[i]),
                    }
                    for i, p in enumerate(found)
                ],
                "proportionality": [
                    {"exposure": what, **{k: json_number(v) if isinstance(v, float) else v for k, v in vars(p).items()}}
                    for what, p in power
                ],
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
    if not np.isnan(result.interval.tau).all():
        tables["Within the dosing interval"] = {
            "AUCτ": "auc_tau",
            "Cavg": "average",
            "Cmin": "lowest",
            "Cτ": "trough",
            "fluct. %": "fluctuation",
            "swing %": "swing",
            "accumulation": "accumulation",
        }
    if "steady state" in result.dosing:
        tables["At steady state, from AUCτ"] = {
            f"CL{over}": "clearance_ss",
            f"Vz{over}": "vz_ss",
            "MRT": "mrt_ss",
            **({} if over else {"Vss": "vss_ss"}),
        }
    for title, columns in tables.items():
        rows = [[p.label, *(four_digits(named[key][i]) for key in columns.values())] for i, p in enumerate(found)]
        print_table(title, ["profile", *columns], rows)
    _said([(p.label, note) for p, notes in zip(found, result.notes, strict=True) for note in notes])
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
    for what, p in power:
        low, high = p.region
        print(
            f"{what} ~ dose^{p.slope:.3f} (90 % interval {p.lower:.3f} to {p.upper:.3f}, {p.profiles} doses of {p.patients} "
            f"patients, {p.degrees} degrees of freedom; proportional over a {p.ratio:.3g}-fold range of doses within "
            f"{low:.3f} to {high:.3f}): {p.verdict}"
        )


def _dosing(profile: Profile, steady_state: SteadyState) -> Dosing:
    """Return what a profile's dose is: the patient's first, one at steady state (flagged, or said to be), or another."""
    said = steady_state == "all" or (steady_state == "later" and profile.number > 1)
    if profile.steady_interval or said:
        return "steady state"
    return "first" if profile.number == 1 else "later"


def _points(option: str, texts: list[str] | None, labels: list[str], time: Floats) -> Bools | None:
    """Read points of profiles, as ``PROFILE=T1,T2``; (profiles, samples)."""
    import numpy as np

    if not texts:
        return None
    points = np.zeros(time.shape, bool)
    for text in texts:
        label, _, times = text.rpartition("=")
        if label not in labels:
            raise typer.BadParameter(
                f"{label!r} is no profile; they are {'; '.join(labels[:6])}{'; ...' * (len(labels) > 6)}",
                param_hint=option,
            )
        row = labels.index(label)
        for word in times.split(","):
            try:
                at = np.isclose(time[row], float(word), rtol=1e-9, atol=1e-9)
            except ValueError:
                raise typer.BadParameter(f"{word!r} is no time; write {label}=8,12,24", param_hint=option) from None
            if not at.any():
                there = ", ".join(f"{t:g}" for t in time[row] if np.isfinite(t))
                raise typer.BadParameter(f"profile {label} has no sample at {word}; it has {there}", param_hint=option)
            points[row] |= at
    return points


def _proportionality(
    profiles: Sequence[Profile], doses: Floats, result: NcaResults
) -> list[tuple[str, Proportionality]]:
    """Judge dose proportionality where doses differ twofold or more: of first doses by AUCinf, at steady state by AUCτ."""
    import numpy as np

    from posology.pharmacology.nca.dose_proportionality import dose_proportionality

    judged = []
    for what, kind, exposure in (
        ("AUCinf after first doses", "first", result.auc_inf_obs),
        ("AUCτ at steady state", "steady state", result.auc_tau),
    ):
        use = np.array([d == kind for d in result.dosing]) & np.isfinite(exposure) & (exposure > 0) & np.isfinite(doses)
        names = [p.patient for p, used in zip(profiles, use, strict=True) if used]
        distinct = set(zip(names, doses[use].tolist(), strict=True))
        if len(distinct) < 3 or doses[use].max() < 2 * doses[use].min():
            continue
        if len({name for name, _ in distinct}) < len(distinct) - 1 or len({name for name, _ in distinct}) == len(
            distinct
        ):
            judged.append((what, dose_proportionality(doses[use], exposure[use], names)))
    return judged


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
