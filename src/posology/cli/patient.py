"""Commands on a patient: eligibility, and one for each kind of event."""

from __future__ import annotations

from typing import Annotated

import typer

from posology.cli._events import add_commands
from posology.cli._options import JsonOption, Moment, TrialArgument, options
from posology.cli._output import print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("eligibility")
@options
def eligibility(
    trial: TrialArgument,
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="The patient's identifier.")],
    moment: Moment,
    cohort: Annotated[
        str | None,
        typer.Option(
            "--cohort", metavar="NAME", help="The expansion cohort, by its name in the protocol (else dose finding)."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a patient against each criterion: met, not met or not known, and from which event.

    Example: posology patient eligibility mytrial.posology 001 --cutoff 2013-06-06
    """
    from posology.conduct.eligibility import SOURCES, CheckedCriterion, check, criteria
    from posology.conduct.trial import Trial
    from posology.readout.cited import mark

    FIELDS = {fact: field for fact, (_, field) in SOURCES.items()}

    with Trial.open(trial) as opened:
        state = opened.state(moment.cutoff, moment.known)
    protocol = state.protocol(moment.cutoff)
    if patient not in state.patients:
        raise ValueError(f"there is no patient {patient!r}; there are {', '.join(state.patients) or 'none'}")
    if cohort and cohort not in protocol.expansion:
        raise ValueError(f"there is no cohort {cohort!r}; there are {', '.join(protocol.expansion) or 'none'}")
    checked = check(state.patients[patient], criteria(protocol, cohort))
    if as_json:
        print_json(
            [
                {
                    "criterion": c.criterion.id,
                    "text": c.criterion.text,
                    "verdict": c.verdict,
                    "found": c.found,
                    "event": c.event.seq if c.event else None,
                }
                for c in checked
            ]
        )
        return

    def origin(c: CheckedCriterion) -> str:
        field = FIELDS.get(c.criterion.fact, "")
        return f" [{marked}]" if c.event and (marked := mark(c.event, (field,))) else ""

    rows = [
        (c.criterion.id, c.criterion.text, c.verdict, c.found + origin(c), c.event.seq if c.event else "")
        for c in checked
    ]
    print_table(f"{patient}, {cohort or 'dose finding'}", ("", "Criterion", "Verdict", "Found", "Event"), rows)


add_commands(app, "patient")
