"""Exposure and response: what exposures did, and what an exposure or a dose would do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import (
    AnalyteOption,
    FigureOption,
    InfusionOption,
    JsonOption,
    KnownByOption,
    LockedCutoffOption,
    SpecimenOption,
    TrialArgument,
    number,
    options,
)
from posology.cli._output import json_number, print_json, print_table
from posology.cli.readout import snapshot_of
from posology.shared.text import counted

if TYPE_CHECKING:
    from posology.interchange.pk.exposure_response import Question, Relation

app = typer.Typer(no_args_is_help=True)
Outcome = Literal["dlt", "ocular", "response"]
NAMED = ("ratio", "lower", "upper")


@app.command("exposure-response")
@options
def exposure_response(
    trial: TrialArgument,
    outcome: Annotated[
        Outcome, typer.Option("--outcome", help="The event: a DLT, an ocular adverse event or an objective response.")
    ] = "dlt",
    measure: Annotated[
        str | None,
        typer.Option(
            "--exposure",
            metavar="MEASURE",
            help=(
                "The exposure: mg or mg/kg (the first dose); auc, cmax or ctrough (of cycle 1); average-until-event"
                " (else mg/kg)."
            ),
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--exposures",
            metavar="FILE",
            help="Exposures from a CSV file (patient, exposure), or that of a fit (else the record's samples).",
        ),
    ] = None,
    analyte: AnalyteOption = None,
    specimen: SpecimenOption = None,
    infusion: InfusionOption = None,
    at: Annotated[
        list[float] | None,
        number("--at", "An exposure to predict for (else the quartiles' medians); may be given again", least=0),
    ] = None,
    dose: Annotated[
        list[float] | None,
        number(
            "--predict-dose", "A dose to predict for, in the protocol's unit (else none); may be given again", above=0
        ),
    ] = None,
    day: Annotated[
        int | None,
        number(
            "--by-day",
            "The time to the first event instead: its chance by this day, the first dose on day 1 (else at any time)",
            metavar="DAY",
            least=1,
            most=36_500,
        ),
    ] = None,
    cutoff: LockedCutoffOption = None,
    known_by: KnownByOption = None,
    figure: FigureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Relate exposure to DLT, ocular events or response: odds or hazard ratio, quartiles, what an exposure or dose
    would do.

    Logistic regression with Firth's penalty; with --by-day, exponential and Cox regression of the time to the first
    event.

    Example: posology pk exposure-response mytrial.posology --outcome ocular --exposure auc --predict-dose 6 --figure
    ocular.png
    """
    from posology.interchange.pk.exposure_response import ExposureUnknown, Question, relate
    from posology.interchange.pk.sources import ConcentrationChoice

    taken = snapshot_of(trial, cutoff, known_by)
    question = Question(outcome, measure, str(file) if file else None, day, at or (), dose or ())
    choice = ConcentrationChoice(analyte, specimen, infusion)
    try:
        found = relate(taken.state, taken.cutoff, question, choice, trial)
    except ExposureUnknown as error:
        raise typer.BadParameter(str(error), param_hint="--exposure") from None
    if figure:
        _draw(found, question, figure)
    if as_json:
        print_json(_as_data(found, question, taken.cutoff))
    else:
        _show(found, question, taken.cutoff)


def _draw(found: Relation, question: Question, figure: Path) -> None:
    from posology.interchange.pk.exposure_response import DOSES
    from posology.reports.pk_figures import exposure_chart
    from posology.shared.charts import save_chart

    is_dose = question.file is None and question.exposure in (None, *DOSES)
    levels = [(row.name, row.exposure) for row in found.doses if row.event is not None]
    chart = exposure_chart(
        found.model,
        found.exposure[found.known],
        found.event[found.known],
        found.groups,
        title=found.title,
        label=found.label,
        time=question.day,
        levels=() if is_dose else levels,
    )
    save_chart(chart, figure)


def _as_data(found: Relation, question: Question, cutoff: date) -> dict[str, Any]:
    """Return the result as plain data."""
    import numpy as np

    model, hazard, groups = found.model, found.hazard, found.groups
    return {
        "outcome": question.outcome,
        "exposure": found.what,
        "unit": found.unit,
        "cutoff": cutoff,
        "patients": len(found.exposure),
        "events": found.ever,
        "by_day": (
            {"day": question.day, "events": int(found.event.sum()), "known": int(found.known.sum())}
            if question.day
            else None
        ),
        "left_out": found.left_out,
        "notes": found.notes,
        "model": {
            "kind": model.kind,
            "intercept": model.intercept,
            "slope": model.slope,
            "unit": model.unit,
            **dict(zip(NAMED, map(json_number, model.ratio), strict=True)),
            "p_value": model.p_value,
            "notes": list(model.notes),
        },
        "cox": (
            {**dict(zip(NAMED, map(json_number, hazard.ratio), strict=True)), "p_value": hazard.p_value}
            if hazard
            else None
        ),
        "groups": [
            {k: float(v[i]) for k, v in vars(groups).items() if k != "edges"} for i in range(len(groups.patients))
        ],
        "predicted": [
            {"exposure": float(e), "chance": float(c), "lower": float(a), "upper": float(b)}
            for e, c, a, b in zip(found.asked, *found.predicted, strict=True)
        ],
        "doses": [
            {
                "dose": row.name,
                "amount": row.amount,
                "patients": len(row.exposure) if row.event is not None else None,
                "events": int(row.event.sum()) if row.event is not None else None,
                "exposure": float(np.median(row.exposure)),
                **dict(zip(("chance", "lower", "upper"), row.chance, strict=True)),
            }
            for row in found.doses
        ],
    }


def _show(found: Relation, question: Question, cutoff: date) -> None:
    """Print the result: the ratio, by quartile, by the model, by dose, and what limits it."""
    import numpy as np

    from posology.shared.tables import significant

    model, groups, day = found.model, found.groups, question.day
    ratio, low, high = model.ratio
    print(
        f"{found.title}, at cutoff {cutoff}: {int(found.event.sum())} of {counted(len(found.exposure), 'patient')}"
        + (f"; {found.ever} at any time" if day else "")
    )
    print(
        f"{'hazard ratio' if day else 'odds ratio'} per {significant(model.unit)} of {found.label}: {ratio:.2f} (95 %"
        f" interval {low:.2f} to {high:.2f}; p {f'= {model.p_value:.3f}' if model.p_value >= 0.0005 else '< 0.001'})"
    )
    if found.hazard:
        print("hazard ratio without a baseline (Cox): {:.2f} ({:.2f} to {:.2f})".format(*found.hazard.ratio))
    followed = f": of {found.known.sum()} with the event by day {day} or followed to it" if day else ""
    quartiles = zip(
        groups.median, groups.patients, groups.events, groups.share, groups.lower, groups.upper, strict=True
    )
    print_table(
        f"By quartile of exposure{followed}",
        ("median", "patients", "events", "share", "95 % interval"),
        [(significant(m), n, k, f"{s:.0%}", f"{a:.0%} to {b:.0%}") for m, n, k, s, a, b in quartiles],
    )
    predicted = zip(found.asked, *found.predicted, strict=True)
    print_table(
        "By the model",
        ("exposure", "chance", "95 % interval"),
        [(significant(e), f"{c:.1%}", f"{a:.1%} to {b:.1%}") for e, c, a, b in predicted],
    )
    rows = []
    for row in found.doses:
        chance, lower, upper = row.chance
        counts = ("", "") if row.event is None else (len(row.exposure), int(row.event.sum()))
        middle = " to ".join(map(significant, np.quantile(row.exposure, (0.1, 0.9))))
        interval = f"{lower:.1%} to {upper:.1%}"
        rows.append((row.name, significant(np.median(row.exposure)), middle, *counts, f"{chance:.1%}", interval))
    heads = ("dose", "exposure: median", "10th to 90th percentile", "patients", "events", "chance", "95 % interval")
    print_table("By dose: the model's chance, averaged over the patients at it", heads, rows)
    for note in (*found.notes, *(f"left out: {text}" for text in found.left_out)):
        print(note)
