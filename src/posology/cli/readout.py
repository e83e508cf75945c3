"""Commands that report: the readout, and the claims."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posology.cli._options import JsonOption, KnownByOption, LockedCutoffOption, TrialArgument, number
from posology.cli._output import print_json, print_table
from posology.shared.text import counted

if TYPE_CHECKING:
    from posology.endpoints.kaplan_meier import Estimate
    from posology.record.snapshot import Snapshot

app = typer.Typer(no_args_is_help=True)
Scale = Literal["log-log", "log", "plain"]
ClaimsOption = Annotated[
    Path | None,
    typer.Option("--claims", metavar="FILE", help="A claims file (YAML) to check along with it (else none)."),
]


@app.command("write")
def write(
    trial: TrialArgument,
    out: Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="The folder to write to.")],
    cutoff: LockedCutoffOption = None,
    known_by: KnownByOption = None,
    claims: ClaimsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the readout at a data cutoff: page, data, tables and figures, each number traceable to its events.

    Example: posology readout write mytrial.posology --cutoff 2013-05-10 --output-dir readout
    """
    from rich.console import Console

    from posology.readout.claims import read_claims
    from posology.readout.readout import make_readout
    from posology.readout.summary import summarise
    from posology.readout.write import write_readout

    listed = read_claims(claims) if claims else []
    made = make_readout(snapshot_of(trial, cutoff, known_by), listed)
    with Console(stderr=True).status("reading") as status:
        files = write_readout(made, out, progress=lambda step: status.update(f"writing: {step}"))
    if as_json:
        print_json(summarise(made))
        return
    for said in made.headline:
        print(said.cited.text + (f" [{said.cited.mark}]" if said.cited.mark else ""))
    if made.snapshot.lock is None:
        print("the cutoff is not locked: `posology trial lock` makes this readout reproducible for good")
    print(f"wrote {counted(len(files), 'file')} to {out}: open {out / 'readout.html'}")


@app.command("claims")
def claims(
    trial: TrialArgument,
    file: Annotated[Path, typer.Argument(metavar="CLAIMS", help="A claims file (YAML).")],
    cutoff: LockedCutoffOption = None,
    known_by: KnownByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check statements about a trial against its record: each holds, does not hold, or cannot be decided.

    Ends with status 1 if one does not hold.

    Example: posology readout claims mytrial.posology claims.yaml --cutoff 2013-05-10
    """
    from posology.readout.claims import read_claims
    from posology.readout.readout import make_readout

    listed = read_claims(file)
    checked = make_readout(snapshot_of(trial, cutoff, known_by), listed).claims
    if as_json:
        print_json(
            [
                {
                    "id": c.claim.id,
                    "text": c.claim.text,
                    "holds": c.holds,
                    "found": c.found,
                    "evidence": list(c.events),
                    "mark": c.mark,
                }
                for c in checked
            ]
        )
    else:
        sign = {True: "✓ holds", False: "✗ does not hold", None: "? cannot be decided"}
        rows = [
            (c.claim.id, c.claim.text, sign[c.holds], c.found + (f" [{c.mark}]" if c.mark else "")) for c in checked
        ]
        print_table(f"{len(checked)} claims", ("Id", "Claim", "Verdict", "What the record says"), rows)

        def count(verdict: bool | None) -> int:
            return sum(c.holds is verdict for c in checked)

        print(f"{count(True)} hold, {count(False)} do not, {count(None)} cannot be decided from the record")
    raise typer.Exit(1 if any(c.holds is False for c in checked) else 0)


@app.command("survival")
def survival(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="ADTTE (.xpt, .json, .parquet, .csv), or a table with a row a patient."),
    ],
    parameter: Annotated[
        str | None, typer.Option("--parameter", metavar="PARAMCD", help="Which times, as PFS (else the only ones).")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--groups", metavar="COLUMN", help="The column of the groups, as TRTA (else one group)."),
    ] = None,
    scale: Annotated[
        Scale, typer.Option("--scale", help="The scale on which intervals are symmetric: R has log, SAS log-log.")
    ] = "log-log",
    level: Annotated[float, number("--confidence", "Of the intervals", above=0, below=1)] = 0.95,
    at: Annotated[
        list[float] | None,
        typer.Option(
            "--at", metavar="TIME", help="The share without the event at this time (else none); may be given again."
        ),
    ] = None,
    time: Annotated[str, typer.Option("--time", metavar="COLUMN", help="The column of the times.")] = "AVAL",
    event: Annotated[
        str | None,
        typer.Option("--event", metavar="COLUMN", help="A column with 1 for an event, 0 for censored (else by CNSR)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate times to an event by Kaplan and Meier, and compare two groups by the log-rank test and Cox's model.

    Example: posology readout survival adam/adtte.xpt --parameter PFS --groups TRTA --scale log --at 180
    """
    import numpy as np

    from posology.endpoints.kaplan_meier import compare, kaplan_meier
    from posology.interchange.adam.survival_times import times_by_group

    groups = times_by_group(file, parameter=parameter, time=time, event=event, by=by)
    curves = {name: kaplan_meier(g.times, g.event, level=level, scale=scale) for name, g in groups.items()}
    found = None
    if len(groups) == 2:
        one, two = groups.values()
        second = np.repeat([0, 1], [len(one.times), len(two.times)])
        found = compare(
            np.concatenate([one.times, two.times]), np.concatenate([one.event, two.event]), second, level=level
        )
    unit = next(iter(groups.values())).unit
    if as_json:
        print_json(
            {
                "unit": unit,
                "scale": scale,
                "level": level,
                "groups": [
                    {
                        "group": name,
                        "patients": curve.patients,
                        "events": int(curve.events.sum()),
                        "median": vars(curve.median),
                        "at": [{"time": t, **vars(e)} for t, e in zip(at or (), curve.at(at or ()), strict=True)],
                        "steps": [
                            {"time": t, "at_risk": n, "events": d, "censored": c, "survival": s}
                            for t, n, d, c, s in zip(
                                *(x.tolist() for x in (curve.time, curve.at_risk, curve.events, curve.censored)),
                                curve.survival.tolist(),
                                strict=True,
                            )
                        ],
                    }
                    for name, curve in curves.items()
                ],
                "comparison": None
                if found is None
                else {
                    "chi_square": found.chi_square,
                    "p_value": found.p_value,
                    "hazard_ratio": vars(found.hazard_ratio),
                },
            }
        )
        return
    shown = [f"at {t:g}" for t in at or ()]
    rows = [
        (
            name,
            curve.patients,
            int(curve.events.sum()),
            _with_interval(curve.median),
            *(_with_interval(e) for e in (curve.at(at) if at else [])),
        )
        for name, curve in curves.items()
    ]
    of = f" ({unit})" if unit else ""
    print_table(
        f"Times{of}, {100 * level:g} % intervals ({scale})", ("Group", "Patients", "Events", "Median", *shown), rows
    )
    if found is not None:
        first, last = groups
        print(f"log-rank: chi-square {found.chi_square:.3f}, p = {found.p_value:.4g}")
        print(f"hazard ratio of {last} to {first} (Cox, Efron): {_with_interval(found.hazard_ratio)}")
    elif len(groups) > 2:
        print("two groups are compared; here are more")


def _with_interval(found: Estimate) -> str:
    """Return an estimate with its interval; a dash where it is not reached."""
    value, low, high = ("-" if x is None else f"{x:.4g}" for x in (found.value, found.lower, found.upper))
    return f"{value} ({low} to {high})"


def snapshot_of(trial: str, cutoff: date | None, known_by: date | None = None) -> Snapshot:
    """Return what a trial's record says at a cutoff, else at the one locked last, else today."""
    from posology.conduct.trial import Trial, end_of_day
    from posology.record.snapshot import last_locked_cutoff, take_snapshot

    with Trial.open(trial) as opened:
        events, today = opened.events(), opened.today()
    known = end_of_day(known_by) if known_by else None
    on = cutoff or last_locked_cutoff(events) or today
    return take_snapshot(events, on, known_by=known, today=today)
