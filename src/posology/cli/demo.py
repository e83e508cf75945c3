"""The demonstration: IMGN853 from protocol to readout, through the same doors as any trial; and its files."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import console, print_json

app = typer.Typer()
FILES = ("protocol.yaml", "events.csv", "claims.yaml", "study.yaml", "regimens.yaml", "concentrations.csv")
START = datetime(2012, 6, 1, 8, tzinfo=UTC)


def copy_example(out: Path) -> list[Path]:
    """Copy the example's files to a folder; none is overwritten by another content."""
    out.mkdir(parents=True, exist_ok=True)
    made = []
    with as_file(files("posology.examples") / "imgn853") as example:
        for name in FILES:
            source, target = example / name, out / name
            if target.exists() and target.read_bytes() != source.read_bytes():
                raise ValueError(f"{target} exists and differs from the example: give another folder")
            shutil.copyfile(source, target)
            made.append(target)
    return made


def replay_example(place: Path) -> None:
    """Make the example's record at a new place, event by event through the protocol's rules."""
    from posology.conduct.csv_import import load
    from posology.conduct.trial import Trial
    from posology.protocol.load import load_document

    with as_file(files("posology.examples") / "imgn853") as example:
        plan = load_document(example / "protocol.yaml")
        with Trial.create(place, plan, by="sponsor", on=date(2012, 6, 1), recorded=START) as trial:
            load(trial, example / "events.csv", by="sponsor", protocol=plan)


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option("--output-dir", metavar="DIR", help="The folder to write to.")] = Path(
        "imgn853-demo"
    ),
    as_json: JsonOption = False,
) -> None:
    """Run the first-in-human trial of IMGN853 from protocol to readout.

    Its record is replayed event by event through the protocol's rules.

    Example: posology demo --output-dir imgn853-demo
    """
    from rich.console import Console

    from posology.conduct.csv_import import load
    from posology.conduct.trial import Trial
    from posology.protocol.load import load_document
    from posology.readout.claims import read_claims
    from posology.readout.readout import Readout, make_readout
    from posology.readout.summary import summarise
    from posology.readout.write import write_readout
    from posology.record.snapshot import take_snapshot

    say = (lambda text: None) if as_json else (lambda text: console().print(text))
    copy_example(out)
    place = out / "imgn853.posology"
    place.unlink(missing_ok=True)
    plan = load_document(out / "protocol.yaml")
    say(
        f"[bold]Protocol[/]  {plan['trial']['id']} checked: {len(plan['dose']['levels'])} dose levels,"
        f" {plan['design']['method']}"
    )
    listed = read_claims(out / "claims.yaml")
    with (
        Console(stderr=True).status("replaying the record") as status,
        Trial.create(place, plan, by="sponsor", on=date(2012, 6, 1), recorded=START) as trial,
    ):
        events = load(trial, out / "events.csv", by="sponsor", protocol=plan)
        trial.store.check()
        say(f"[bold]Record[/]    {len(events) + 1} events replayed through the rules; chain sound")
        say("[bold]Decisions[/] the rule's advice on each day the committee met, and what the committee did")
        for decided in trial.state().trial.decisions:
            day, fact = decided.event.occurred, decided.fact
            advice = trial.advise(day)
            rule = f"{advice.action} {advice.dose or ''}".strip()
            did = f"{fact.action} {plan['dose']['levels'][(fact.level or 1) - 1]} {plan['dose']['unit']}"
            say(f"  {day}  rule: {rule:<22} committee: {did}{'   (departs: ' + fact.why + ')' if fact.departs else ''}")
        made: dict[Path, Readout] = {}
        for cutoff in (date(2013, 5, 10), date(2013, 6, 14)):
            folder = out / f"readout-{cutoff}"
            at_first = make_readout(take_snapshot(trial.events(), cutoff), listed if not made else ())
            write_readout(at_first, folder, progress=lambda step: status.update(f"writing: {step}"))
            made[folder] = at_first
    if as_json:
        print_json({str(folder): summarise(each) for folder, each in made.items()})
        return
    for folder, each in made.items():
        say(f"[bold]Readout[/]   {each.snapshot.cutoff}: {folder / 'readout.html'}")
        for said in each.headline:
            say(f"  {said.cited.text}" + (rf" \[{said.cited.mark}]" if said.cited.mark else ""))
    claims = next(iter(made.values())).claims

    def count(verdict: bool | None) -> int:
        return sum(c.holds is verdict for c in claims)

    say(
        f"[bold]Claims[/]    {count(True)} hold, {count(False)} do not, {count(None)} cannot be decided from the record"
    )
    say(
        "A reconstruction: every value is marked stated, published or assumed; what is assumed is no result of the real"
        " trial."
    )


@app.command("example")
def example(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")] = Path("imgn853"),
) -> None:
    """Copy the worked example to a folder: protocol, events, claims, study, regimens, concentrations of IMGN853.

    Example: posology example imgn853
    """
    for path in copy_example(out):
        print(path)
