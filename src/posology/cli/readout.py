"""Commands that report: the readout, and the claims."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli._options import JsonOption, KnownByOption, LockedCutoffOption, TrialArgument
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.record.snapshot import Snapshot

app = typer.Typer(no_args_is_help=True)
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
    print(f"wrote {len(files)} files to {out}: open {out / 'readout.html'}")


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


def snapshot_of(trial: str, cutoff: date | None, known_by: date | None = None) -> Snapshot:
    """Return what a trial's record says at a cutoff, else at the one locked last, else today."""
    from posology.conduct.trial import Trial, end_of_day
    from posology.record.snapshot import last_locked_cutoff, take_snapshot

    with Trial.open(trial) as opened:
        events, today = opened.events(), opened.today()
    known = end_of_day(known_by) if known_by else None
    on = cutoff or last_locked_cutoff(events) or today
    return take_snapshot(events, on, known_by=known, today=today)
