"""Commands that run a trial: create it, load events, amend, look at it, take the rule's advice, correct, audit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._events import OverrideOption, add_commands
from posology.cli._options import ByOption, JsonOption, Moment, OnOption, RecordedOption, TrialArgument, options
from posology.cli._output import acknowledge, console_err, print_json, print_table
from posology.shared.text import counted, printable, printable_lines

if TYPE_CHECKING:
    from posology.conduct.cohort_advice import CohortAdvice
    from posology.conduct.overview import PatientOverview
    from posology.record.event import Event

app = typer.Typer(no_args_is_help=True)
CsvArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A CSV file of events, a row each; its columns are the fields of the events."),
]
SeqArgument = Annotated[
    int, typer.Argument(metavar="EVENT", help="The number of the event, as `posology trial log` shows it.")
]
WhyOption = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why it is done; kept in the record.")]


@app.command("create")
def create(
    trial: TrialArgument,
    protocol: Annotated[Path, typer.Argument(metavar="PROTOCOL", help="The protocol file.")],
    on: OnOption = None,
    recorded: RecordedOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a trial: a new record under a checked protocol.

    With --recorded, a record kept elsewhere before can be loaded with the moments at which its events were recorded.

    Example: posology trial create mytrial.posology protocol.yaml --on 2012-06-01
    """
    from posology.conduct.trial import Trial, current_user
    from posology.protocol.load import load_document

    with Trial.create(trial, load_document(protocol), by=by or current_user(), on=on, recorded=recorded) as created:
        acknowledge(created.events(), as_json)


@app.command("load")
def load(
    trial: TrialArgument,
    file: CsvArgument,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="The kind of all rows, such as dosed (else the column kind of the file)."
        ),
    ] = None,
    protocol: Annotated[
        Path | None,
        typer.Option(
            "--protocol",
            metavar="FILE",
            help="The protocol file whose amendments the rows name by version (else none is loaded).",
        ),
    ] = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a CSV file of events: all of it, or nothing and every error with its line.

    Example: posology trial load mytrial.posology doses.csv --kind dosed
    """
    from rich.progress import track

    from posology.conduct.csv_import import load as load_file
    from posology.conduct.trial import Trial, current_user

    def progress(rows: Any) -> Any:
        return track(rows, description=f"checking {file.name}", console=console_err(), transient=True)

    from posology.protocol.load import load_document

    plan = load_document(protocol) if protocol else None
    with Trial.open(trial) as opened:
        events = load_file(opened, file, by=by or current_user(), kind=kind, protocol=plan, progress=progress)
    if as_json:
        print_json(
            {
                "recorded": len(events),
                "first": events[0].seq if events else None,
                "last": events[-1].seq if events else None,
            }
        )
    elif events:
        span = f"{events[0].seq} to {events[-1].seq}" if len(events) > 1 else str(events[0].seq)
        print(f"recorded {counted(len(events), 'event')}: {span}")
    else:
        print("the file holds no rows: nothing was recorded")


@app.command("amend")
def amend(
    trial: TrialArgument,
    protocol: Annotated[Path, typer.Argument(metavar="PROTOCOL", help="The protocol file, with its amendments.")],
    on: OnOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record the amendments of a protocol file that the record does not hold yet.

    Each holds from its own date on.

    Example: posology trial amend mytrial.posology protocol.yaml
    """
    from posology.conduct.trial import Trial, current_user
    from posology.protocol.load import load_document

    checked = load_document(protocol)
    with Trial.open(trial) as opened:
        events = opened.amend(checked, by=by or current_user(), on=on)
    if not events and not as_json:
        print("the record holds every amendment of the file that is due")
    acknowledge(events, as_json)


@app.command("advise")
@options
def advise(trial: TrialArgument, moment: Moment, as_json: JsonOption = False) -> None:
    """Say what the protocol's design advises next, why, on which counts, and who is awaited.

    Example: posology trial advise mytrial.posology --cutoff 2013-03-25
    """
    from posology.conduct.cohort_advice import advise_cohorts
    from posology.conduct.open_matters import decisions, open_matters
    from posology.conduct.trial import Trial
    from posology.readout.cited import mark, weakest

    with Trial.open(trial) as opened:
        advice = opened.advise(moment.cutoff, moment.known)
        state = opened.state(advice.on, moment.known)
        cohorts = advise_cohorts(state, advice.on)
        simulated = not as_json and state.trial.simulated
    if as_json:
        print_json(
            {
                **advice.plain(),
                "dose": advice.dose,
                "settled": advice.settled,
                "protocol_version": advice.protocol_version,
                "mtd": advice.open_level.mtd,
                "ceiling": advice.open_level.ceiling,
                "beside": [
                    {"level": o.level, "cohort": o.cohort, "slots": o.slots, "decision": o.decision.fact.number}
                    for o in advice.open_level.beside
                ],
                "cohorts": [cohort.plain() for cohort in cohorts],
                "decisions": decisions(state),
                "open_matters": [vars(matter) for matter in open_matters(state, advice.on)],
            }
        )
        return
    about = (
        f" to level {advice.level}, {advice.dose}"
        if advice.action in ("escalate", "de-escalate")
        else (f" at level {advice.level}, {advice.dose}" if advice.level else "")
    )
    more = f": {counted(advice.more, 'more patient')}" if advice.more else ""
    print(f"{advice.action.upper()}{about}{more}")
    print(f"as of {advice.on}, protocol version {advice.protocol_version}")
    print(f"why: {advice.why}\n")
    print("level  dose          treated  evaluable  DLT  pending  not evaluable")
    for c in advice.counts:
        here = (
            " <- open"
            if c.level == advice.open_level.level
            else " closed"
            if c.level > advice.open_level.ceiling
            else ""
        )
        print(
            f"{c.level:>5}  {c.dose:<12}  {c.treated:>7}  {c.evaluable:>9}  {c.dlt:>3}  {c.pending:>7} "
            f" {c.not_evaluable:>13}{here}"
        )
    for standing in advice.pending:
        print(f"not evaluable yet: {standing}")
    for beside in advice.open_level.beside:
        what = f"the cohort {beside.cohort}" if beside.cohort else "backfilling"
        print(f"open for {what}: level {beside.level}, {counted(beside.slots, 'slot')}, by {beside.reason()}")
    for cohort in cohorts:
        _print_cohort(cohort)
    for level, slots in advice.backfill.items():
        print(f"may be opened for backfilling: level {level}, {counted(slots, 'more patient')} by the design's cap")
    for matter in open_matters(state, advice.on):
        print(f"open: {matter}")
    origin = weakest(mark(e) for c in advice.counts for e in c.sources)
    if origin:
        print(
            f"origin of these counts: {origin}"
            f" ({'simulated: nobody was treated' if simulated else 'a reconstructed record'})"
        )


def _print_cohort(cohort: CohortAdvice) -> None:
    """Print what the design of an expansion cohort says, and on whom that rests."""
    more = f": {counted(cohort.more, 'more patient')} until the next look" if cohort.more else ""
    print(f"\ncohort {cohort.cohort}: {cohort.action.upper()}{more}")
    print(f"why: {cohort.why}")
    who = [f"{counted(cohort.treated, 'patient')} treated of {cohort.enrolled} enrolled"]
    if cohort.responders:
        who.append(f"responded: {', '.join(cohort.responders)}")
    if cohort.awaited:
        who.append(f"may still respond: {', '.join(cohort.awaited)}")
    print("; ".join(who))


@app.command("status")
@options
def status(trial: TrialArgument, moment: Moment, as_json: JsonOption = False) -> None:
    """Show who is at which dose, who had a DLT, and who is still on treatment.

    Example: posology trial status mytrial.posology --cutoff 2013-05-10
    """
    from posology.conduct.open_matters import open_matters
    from posology.conduct.overview import overview
    from posology.conduct.trial import Trial

    with Trial.open(trial) as opened:
        state = opened.state(moment.cutoff, moment.known)
        day = min(moment.cutoff or opened.today(), opened.today())
        rows, matters = overview(state, day), open_matters(state, day)
    if as_json:
        print_json([vars(row) for row in rows])
        return
    columns = ("Patient", "Tumour", "Dose", "First dose", "Doses", "DLT window", "Treatment")

    def changed(row: PatientOverview) -> str:
        return f"now {row.current}" if row.current != row.assigned else ""

    def dose(row: PatientOverview) -> str:
        return ", ".join(filter(None, (row.cohort, row.assigned, changed(row))))

    shown = [(r.patient, r.tumour, dose(r), r.first_dose, r.doses, r.window, r.treatment) for r in rows]
    print_table(counted(len(rows), "patient"), columns, shown)
    for matter in matters:
        print(f"open: {matter}")
    if state.trial.simulated:
        print("a simulated record: nobody was treated, every value is assumed")
    elif any(e.is_marked for p in state.patients.values() for e in p.events):
        print("a reconstructed record: `posology trial log` shows which values are stated, published or assumed")


@app.command("log")
def log(
    trial: TrialArgument,
    patient: Annotated[
        str | None, typer.Option("--patient", metavar="PATIENT", help="Only this patient's events (else all).")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="Only events of this kind, such as adverse_event (else all)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the record: every event, corrections and overrides included.

    Example: posology trial log mytrial.posology --patient 001
    """
    from posology.conduct.trial import Trial

    with Trial.open(trial) as opened:
        whole = opened.events()
    events = [e for e in whole if (not patient or e.patient == patient) and (not kind or e.kind == kind)]
    if as_json:
        acknowledge(events, as_json=True)
        return
    superseded = {e.supersedes: e for e in whole if e.supersedes is not None}
    for e in events:
        print("\n".join(_log_lines(e, superseded.get(e.seq))))
    print(
        f"{counted(len(events), 'event')}; the moments of recording are in the time zone {datetime.now().astimezone():%Z}"
    )


def _log_lines(event: Event, superseded_by: Event | None) -> Iterator[str]:
    """Yield an event's two lines of the log; what cannot be printed is written as its number."""
    from posology.record.event import to_dict
    from posology.record.facts import Voided

    def origin(field: str) -> str:
        return f" [{event.mark(field)}]" if event.is_marked else ""

    facts = ", ".join(
        f"{name.replace('_', ' ')} {value}{origin(name)}"
        for name, value in to_dict(event.fact).items()
        if name not in ("protocol", "advice", "changes")
    )
    about = f" of {event.patient}" if event.patient else ""
    out = ""
    if superseded_by:
        how = "voided" if isinstance(superseded_by.fact, Voided) else "corrected"
        out = f"NOT IN EFFECT ({how} by event {superseded_by.seq}) "
    yield printable(f"{event.seq:>6}  {event.occurred}  {out}{event.kind.replace('_', ' ')}{about}: {facts}")
    stated = " as a loaded file states" if event.is_backdated else ""
    notes = [f"by {event.author}, recorded {event.recorded.astimezone():%Y-%m-%d %H:%M %z}{stated}"]
    notes += [f"corrects event {event.supersedes}"] if event.supersedes else []
    notes += [f"reason: {event.reason}"] if event.reason else []
    if event.override:
        notes.append(f"OVERRIDE of {event.override}")
    yield printable(" " * 20 + "; ".join(notes))


@app.command("verify")
def verify(
    trial: TrialArgument,
    head: Annotated[
        str | None,
        typer.Option(
            "--head",
            metavar="N:HASH",
            help="A head noted down earlier, as verify prints it, to compare with (else none).",
        ),
    ] = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            "--witness",
            metavar="FILE",
            help=(
                "Heads noted elsewhere: a witness file, an exported record (.jsonl) or a readout's readout.json (else"
                " none)."
            ),
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the record is as it was written; name every event that was changed, dropped, moved or inserted.

    Ends with status 1 if one was.

    Example: posology trial verify mytrial.posology --witness backup.jsonl
    """
    from posology.record.store import Store, Tampered
    from posology.record.witness import NotedHead, read_heads

    findings: tuple[object, ...] = ()
    try:
        with Store.open(trial) as store:
            noted = read_heads(witness, store.trial) if witness else []
            if head:
                seq, _, hash_ = head.partition(":")
                if not seq.isdigit() or len(hash_) != 64:
                    raise ValueError(
                        f"--head is {head!r}: write the number and the hash that verify printed, as 57:9f3a…"
                    )
                noted.append(NotedHead(trial=store.trial, seq=int(seq), hash=hash_, noted="", why="verified"))
            last = store.check(noted)
    except Tampered as error:
        findings = error.findings
    if as_json:
        found = [vars(f) if hasattr(f, "seq") else {"seq": 0, "what": str(f)} for f in findings]
        print_json({"ok": not findings, "head": None if findings else f"{last.seq}:{last.hash}", "found": found})
    elif findings:
        print(printable_lines("\n".join(map(str, findings))))
        print(f"{counted(len(findings), 'thing')} wrong: this record is not as it was written")
    else:
        print(f"sound: {counted(last.seq, 'event')}, each as it was written")
        print(f"head {last.seq}:{last.hash}")
        print("note it down: `posology trial verify --head` compares with it later")
    raise typer.Exit(1 if findings else 0)


@app.command("correct")
def correct(
    trial: TrialArgument,
    event: SeqArgument,
    reason: WhyOption,
    changes: Annotated[list[str] | None, typer.Argument(metavar="FIELD=VALUE...", help="The fields to change.")] = None,
    on: OnOption = None,
    by: ByOption = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Correct an event: a new event takes its place, the old one stays in the record.

    Example: posology trial correct mytrial.posology 57 grade=2 --reason "source document checked"
    """
    from posology.conduct.remarks import remarks
    from posology.conduct.trial import Trial, current_user
    from posology.record.entry import EntryError, fact_from, system_fields
    from posology.record.event import to_dict

    pairs = dict(change.partition("=")[::2] for change in changes or ())
    names = [change.partition("=")[0] for change in changes or ()]
    if twice := [name for name in pairs if names.count(name) > 1]:
        raise EntryError([f"{name} is given twice" for name in twice])
    with Trial.open(trial) as opened:
        old = opened.state().find(event)
        if old is None:
            by_event = opened.state().superseded.get(event)
            raise ValueError(
                f"there is no event {event} in effect"
                + (f": event {by_event} corrects or voids it" if by_event else "")
            )
        if not pairs and on is None:
            raise EntryError(["say what changes, as field=value, or the day by --on"])
        if written := [name for name in pairs if name in system_fields(old.kind)]:
            raise EntryError([f"{name} is written by the system, never typed" for name in written])
        fact = fact_from(old.kind, {**to_dict(old.fact), **pairs})
        if fact == old.fact and on in (None, old.occurred):
            raise EntryError([f"event {event} says that already: nothing changes"])
        wanted = {name: getattr(fact, name) for name in pairs}
        made = opened.correct(event, by=by or current_user(), reason=reason, occurred=on, override=override, **wanted)
        said = remarks(opened.state(), made)
    acknowledge([made], as_json, said)


@app.command("void")
def void(
    trial: TrialArgument,
    event: SeqArgument,
    reason: WhyOption,
    by: ByOption = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an event out of effect that was entered in error. It stays in the record.

    Example: posology trial void mytrial.posology 57 --reason "entered for the wrong patient"
    """
    from posology.conduct.trial import Trial, current_user

    with Trial.open(trial) as opened:
        made = opened.void(event, by=by or current_user(), reason=reason, override=override)
    acknowledge([made], as_json)


add_commands(app, "trial")
