"""The command on exposure and response: what a record's exposures do, and what a dose would do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from posology.cli.common import JsonOption, TrialArgument, day, print_json, print_table
from posology.cli.measuring import PlotOption, _draw, _drawable, _number

Outcome = Literal["dlt", "ocular", "response"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    commands: dict[str, Callable[..., None]] = {"exposure": exposure}
    for name, command in commands.items():
        app.command(name, rich_help_panel="Measure")(command)


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
