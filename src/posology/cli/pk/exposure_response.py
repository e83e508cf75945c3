"""Exposure and response: what exposures did, and what an exposure or a dose would do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import AnalyteOption, InfusionOption, JsonOption, SpecimenOption, TrialArgument, day
from posology.cli._output import json_number, print_json, print_table

if TYPE_CHECKING:
    from posology.interchange.pk.individual_exposures import Exposures
    from posology.readout.exposure_response import Observed
    from posology.record.state import State

app = typer.Typer(no_args_is_help=True)
Outcome = Literal["dlt", "ocular", "response"]
DOSES = ("mg", "mg/kg")


@app.command("exposure-response")
def exposure(
    trial: TrialArgument,
    outcome: Annotated[Outcome, typer.Option("--outcome", help="The event.")] = "dlt",
    by: Annotated[
        str | None,
        typer.Option(
            "--exposure",
            metavar="MEASURE",
            help="mg or mg/kg (the first dose); auc, cmax or ctrough (of cycle 1); average-until-event. Else mg/kg.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--exposures",
            metavar="FILE",
            help="Exposures from a CSV file (patient, exposure), or that of a fit, instead of the record's samples.",
        ),
    ] = None,
    analyte: AnalyteOption = None,
    specimen: SpecimenOption = None,
    infusion: InfusionOption = None,
    at: Annotated[
        list[float] | None,
        typer.Option("--at", metavar="EXPOSURE", help="What this exposure would do (may be repeated)."),
    ] = None,
    dose: Annotated[
        list[float] | None,
        typer.Option(
            "--at-dose", metavar="DOSE", help="What this dose, in the protocol's unit, would do (may be repeated)."
        ),
    ] = None,
    time: Annotated[
        int | None,
        typer.Option("--by-day", metavar="DAY", help="Time to the first event instead: its chance by this day."),
    ] = None,
    as_of: Annotated[
        date | None,
        typer.Option(
            "--as-of", metavar="DATE", parser=day, help="By that day (else the last locked cutoff, or today)."
        ),
    ] = None,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Relate exposure to DLT, ocular events or response: odds or hazard ratio, quartiles, what an exposure or dose would do.

    Logistic regression with Firth's penalty; with --by-day, exponential and Cox regression of the time to the first
    event. Example: posology pk exposure-response mytrial.posology --outcome ocular --exposure auc --at-dose 6 --plot ocular.png
    """
    import numpy as np

    from posology.cli.readout import _last_cutoff
    from posology.conduct.trial import Trial
    from posology.pharmacology.exposure_response.regression import (
        by_quantile,
        cox,
        exponential,
        logistic,
        predicted_exposures,
    )
    from posology.readout.exposure_response import OUTCOMES, observed
    from posology.record.state import fold
    from posology.shared.tables import significant

    check_figure(plot)
    if time is not None and time < 1:
        raise typer.BadParameter(f"{time}: a day after the first dose, 1 or later", param_hint="--by-day")
    with Trial.open(trial) as opened:
        events = opened.events()
    on = as_of or _last_cutoff(events)
    state = fold(events, occurred_by=on)
    given, seen, left = _exposed(trial, state, on, outcome, by, file, (analyte, specimen, infusion))
    if given is None:
        seen, left = observed(state, on, outcome, "mg" if by == "mg" else "mg/kg")
    x, y = np.array([o.exposure for o in seen]), np.array([o.event for o in seen], bool)
    days = np.array([o.days for o in seen], float)
    unit = 1.0 if given is None and by != "mg" else None
    happened = y & (days <= time) if time else y
    known = happened | (days >= time) if time else np.ones(len(x), bool)  # what became of them by then
    if time and (known.sum() < 3 or np.ptp(x[known]) == 0):
        raise ValueError(
            f"{known.sum()} patients had the event by day {time} or were followed to it: it takes three, of two exposures"
        )
    model = exponential(x, days, y, unit=unit) if time else logistic(x, y, unit=unit)
    groups = by_quantile(x[known], happened[known])
    hazard = cox(x, days, y, unit=unit) if time else None
    wanted = np.array(at if at else groups.median)
    chance = model.at(wanted, time) if time else model.at(wanted)
    levels = _levels(state, seen)
    rows: list[tuple[str, float, Any, Any, tuple[float, float, float]]] = []
    for name, amount, places in levels:
        rows.append((name, amount, x[places], happened[places], model.population_average(x[places], time)))
    plan = state.protocol().dose
    amounts = np.array([amount for _, amount, places in levels for _ in places])
    of_doses = np.concatenate([x[places] for *_, places in levels]) if levels else np.zeros(0)
    if dose and not levels:
        raise ValueError("nobody's first dose was at a level of the protocol: what a dose would do cannot be told")
    for amount in dose or ():
        would = predicted_exposures(amounts, of_doses, amount)
        rows.append((f"{amount:g} {plan.unit} (predicted)", amount, would, None, model.population_average(would, time)))
    what = given.what if given else f"first dose, {by or 'mg/kg'}"
    label = f"{what} ({given.unit})" if given and given.unit else what
    title = f"{OUTCOMES[outcome]}" + (f" by day {time}" if time else "")
    beyond = [
        f"{v:g} is outside the exposures seen ({significant(x.min())} to {significant(x.max())})"
        for v in at or ()
        if not x.min() <= v <= x.max()
    ]
    beyond += [
        f"{v:g} {plan.unit} is outside the doses given ({amounts.min():g} to {amounts.max():g})"
        for v in dose or ()
        if not amounts.min() <= v <= amounts.max()
    ]
    notes = [
        *model.notes,
        *beyond,
        *(given.notes if given else ()),
        *_cautions(given, by, seen, state),
        *(f"left out: {text}" for text in left),
    ]
    if plot:
        from posology.reports.pk_figures import exposure_chart
        from posology.shared.charts import save_chart

        shown = [(name, exposures) for name, _, exposures, had, _ in rows if had is not None]
        save_chart(
            exposure_chart(
                model,
                x[known],
                happened[known],
                groups,
                title=title,
                label=label,
                time=time,
                levels=shown if given else (),
            ),
            plot,
        )
    named = ("ratio", "lower", "upper")
    if as_json:
        print_json(
            {
                "outcome": outcome,
                "exposure": what,
                "unit": given.unit if given else by or "mg/kg",
                "as_of": on,
                "patients": len(seen),
                "events": int(y.sum()),
                "by_day": {"day": time, "events": int(happened.sum()), "known": int(known.sum())} if time else None,
                "left_out": left,
                "notes": notes[: len(notes) - len(left)],
                "model": {
                    "kind": model.kind,
                    "intercept": model.intercept,
                    "slope": model.slope,
                    "unit": model.unit,
                    **dict(zip(named, map(json_number, model.ratio), strict=True)),
                    "p_value": model.p_value,
                    "notes": list(model.notes),
                },
                "cox": {**dict(zip(named, map(json_number, hazard.ratio), strict=True)), "p_value": hazard.p_value}
                if hazard
                else None,
                "groups": [
                    {k: float(v[i]) for k, v in vars(groups).items() if k != "edges"}
                    for i in range(len(groups.patients))
                ],
                "predicted": [
                    {"exposure": float(e), "chance": float(c), "lower": float(a), "upper": float(b)}
                    for e, c, a, b in zip(wanted, *chance, strict=True)
                ],
                "doses": [
                    {
                        "dose": name,
                        "amount": amount,
                        "patients": len(exposures) if had is not None else None,
                        "events": int(had.sum()) if had is not None else None,
                        "exposure": float(np.median(exposures)),
                        **dict(zip(("chance", "lower", "upper"), averaged, strict=True)),
                    }
                    for name, amount, exposures, had, averaged in rows
                ],
            }
        )
        return
    ratio, low, high = model.ratio
    print(
        f"{title}, as of {on}: {int(happened.sum())} of {len(seen)} patients"
        + (f"; {int(y.sum())} at any time" if time else "")
    )
    print(
        f"{'hazard ratio' if time else 'odds ratio'} per {significant(model.unit)} of {label}: {ratio:.2f} "
        f"(95 % interval {low:.2f} to {high:.2f}; p {f'= {model.p_value:.3f}' if model.p_value >= 0.0005 else '< 0.001'})"
    )
    if hazard:
        print("hazard ratio without a baseline (Cox): {:.2f} ({:.2f} to {:.2f})".format(*hazard.ratio))
    followed = f": of {known.sum()} with the event by day {time} or followed to it" if time else ""
    print_table(
        f"By quartile of exposure{followed}",
        ("median", "patients", "events", "share", "95 % interval"),
        [
            (significant(m), n, k, f"{s:.0%}", f"{a:.0%} to {b:.0%}")
            for m, n, k, s, a, b in zip(
                groups.median, groups.patients, groups.events, groups.share, groups.lower, groups.upper, strict=True
            )
        ],
    )
    print_table(
        "By the model",
        ("exposure", "chance", "95 % interval"),
        [(significant(e), f"{c:.1%}", f"{a:.1%} to {b:.1%}") for e, c, a, b in zip(wanted, *chance, strict=True)],
    )
    print_table(
        "By dose: the model's chance, averaged over the patients at it",
        ("dose", "exposure: median", "10th to 90th percentile", "patients", "events", "chance", "95 % interval"),
        [
            (
                name,
                significant(np.median(e)),
                " to ".join(map(significant, np.quantile(e, (0.1, 0.9)))),
                "" if had is None else len(e),
                "" if had is None else int(had.sum()),
                f"{c:.1%}",
                f"{a:.1%} to {b:.1%}",
            )
            for name, _, e, had, (c, a, b) in rows
        ],
    )
    for note in notes:
        print(note)


def _exposed(
    trial: str,
    state: State,
    on: date,
    outcome: Outcome,
    by: str | None,
    file: Path | None,
    which: tuple[str | None, str | None, float | None],
) -> tuple[Exposures | None, list[Observed], list[str]]:
    """Return exposures that are no doses, who can be judged by them and who not; nothing if the exposure is the dose."""
    from posology.interchange.pk.from_record import recorded
    from posology.interchange.pk.individual_exposures import AVERAGE, MEASURES, average_to, from_file, from_samples
    from posology.readout.exposure_response import observed

    if file is None and by in (None, *DOSES):
        return None, [], []
    analyte, specimen, infusion = which
    if file is not None and by in DOSES:
        raise typer.BadParameter("a file holds no dose: name its column, or leave it out", param_hint="--exposure")
    if file is None and by not in MEASURES:
        raise typer.BadParameter(
            f"{by!r} is none of {', '.join((*DOSES, *MEASURES))}; a file is --exposures FILE", param_hint="--exposure"
        )
    if by == AVERAGE:
        if file is None:
            raise typer.BadParameter(
                "an average to the event is by a model: `posology pk fit TRIAL --exposures FILE`, then --exposures FILE",
                param_hint="--exposure",
            )
        everyone: Mapping[str, float] = dict.fromkeys(state.patients, 1.0)
        days = {o.patient: o.days for o in observed(state, on, outcome, everyone)[0]}
        given = average_to(
            file, recorded(state, analyte=analyte, specimen=specimen, infusion=infusion, file=trial), days, analyte
        )
    elif file is not None:
        given = from_file(file, by)
    else:
        made = recorded(state, analyte=analyte, specimen=specimen, infusion=infusion, file=trial)
        given = from_samples(made, "auc" if by == "auc" else "cmax" if by == "cmax" else "ctrough", analyte)
    seen, left = observed(state, on, outcome, given.of)
    return given, seen, left


def _levels(state: State, seen: list[Observed]) -> list[tuple[str, float, list[int]]]:
    """Return the dose levels that were given first, lowest first: the name, the dose, and whose rows are at it."""
    from posology.record.facts import Dosed

    plan = state.protocol().dose
    held: dict[int, list[int]] = {}
    for row, one in enumerate(seen):
        first = state.patients[one.patient].first_dose
        if first is not None and isinstance(first.fact, Dosed) and first.fact.level <= len(plan.levels):
            held.setdefault(first.fact.level, []).append(row)
    return [(plan.dose_label(level), plan.levels[level - 1], rows) for level, rows in sorted(held.items())]


def _cautions(given: Exposures | None, by: str | None, seen: list[Observed], state: State) -> list[str]:
    """Say what exposure and event have to do with each other in time."""
    from posology.interchange.pk.individual_exposures import AVERAGE

    if given is None:
        return []
    if by == AVERAGE:
        return [
            "an average to the event is not settled before it: a patient without one is averaged to the end of treatment, reductions and "
            "pauses included, and the later an event, the more of them it averages; cycle 1 (auc, ctrough) is free of that"
        ]
    days = state.protocol().schedule.cycle_days
    early = sum(o.event and o.days <= days for o in seen)
    if by in ("auc", "ctrough") and early:
        return [
            f"{early} of the events came within cycle 1 (by day {days}): its exposure reaches beyond them, though the dose that it "
            "follows from was given before"
        ]
    return []
