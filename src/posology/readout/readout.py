"""A readout: what the record says of a trial at a data cutoff, put together; and its files.

A locked cutoff is read as the record stood when it was locked, so that the same files come out, to the byte, whatever
was recorded or corrected since.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from posology import __version__
from posology.conduct.advice import Advice, advise
from posology.protocol.model import Protocol
from posology.protocol.synopsis import Section, synopsis
from posology.readout.cited import Cited, Table
from posology.readout.claims import Checked, Claim, check
from posology.readout.courses import Course, courses
from posology.readout.data_findings import Found, data_findings
from posology.readout.data_findings import plain as plain_finding
from posology.readout.measures import MEASURES, NotKnown, Reading
from posology.readout.narratives import Sentence, headline, narrative
from posology.readout.tables.adverse_events import reported
from posology.readout.tables.dose_levels import tables
from posology.readout.tables.responses import Counted, rates
from posology.readout.tables.times_to_event import Endpoint, endpoints
from posology.readout.tables.times_to_event import plain as plain_times
from posology.record.event import Event, plain
from posology.record.facts import CutoffLocked
from posology.record.state import State, fold


class ReadoutError(ValueError):
    """A readout that cannot be made, and why."""


@dataclass(frozen=True)
class Readout:
    """A trial, read at a cutoff. ``head`` is the last event known; ``locked`` whether the cutoff was locked."""

    cutoff: date
    locked: bool
    head: Event
    state: State
    protocol: Protocol
    advice: Advice
    courses: Sequence[Course]
    headline: Sequence[Sentence]
    rates: Sequence[Counted]
    times: Sequence[Endpoint]
    findings: Sequence[Found]
    tables: Sequence[Table]
    narratives: Sequence[tuple[str, Sequence[Sentence]]]
    claims: Sequence[Checked]
    synopsis: Sequence[Section]
    events: dict[int, Event]
    overridden: Sequence[Event]
    corrections: Sequence[Event]

    @property
    def reconstructed(self) -> bool:
        """Whether the record marks the origin of its values: then none is a plain result of the trial."""
        return any(event.provenance for event in self.events.values())

    @property
    def simulated(self) -> bool:
        """Whether the record was simulated: then nobody was treated."""
        return self.state.trial.simulated


def read(events: Sequence[Event], cutoff: date, claims: Sequence[Claim] = ()) -> Readout:
    """Read a record at a data cutoff.

    Raises
    ------
    ReadoutError
        if the trial had not begun by the cutoff.
    """
    locks = [e for e in events if isinstance(e.fact, CutoffLocked) and e.fact.cutoff == cutoff]
    known = [e for e in events if e.seq <= locks[0].seq] if locks else list(events)
    state = fold(known, occurred_by=cutoff)
    if not state.trial.protocols:
        raise ReadoutError(f"the trial was created on {events[0].occurred}, after the cutoff {cutoff}")
    protocol, advice = state.protocol(cutoff), advise(state, cutoff)
    found = courses(state, cutoff)
    reading = Reading(state, protocol, found, cutoff)
    times, ae = endpoints(found, protocol, cutoff), reported(found)
    findings = data_findings(found, ae, cutoff)
    told = [(c.id, narrative(c, protocol)) for c in found if c.active]
    return Readout(
        cutoff=cutoff,
        locked=bool(locks),
        head=known[-1],
        state=state,
        protocol=protocol,
        advice=advice,
        courses=found,
        headline=headline(state, protocol, found, advice),
        rates=rates(found),
        times=times,
        findings=findings,
        tables=tables(state, protocol, found, cutoff, times, findings, ae),
        narratives=told,
        claims=[check(claim, reading) for claim in claims],
        synopsis=synopsis(protocol),
        events={e.seq: e for e in known},
        overridden=[e for e in known if e.override and e.occurred <= cutoff],
        corrections=[e for e in known if e.supersedes and e.occurred <= cutoff],
    )


def summary(readout: Readout) -> dict[str, Any]:
    """Return the readout as plain data: the numbers, and under ``sources`` the events each comes from."""
    reading = Reading(readout.state, readout.protocol, readout.courses, readout.cutoff)
    sources: dict[str, Any] = {}
    marks: dict[str, Any] = {}

    def number(name: str, cited: Cited) -> Any:
        sources[name] = list(cited.events)
        if cited.mark:
            marks[name] = cited.mark
        return cited.value

    treated = number("patients_treated", MEASURES["patients_treated"](reading))
    try:
        low, high = number("dose_range", MEASURES["dose_range"](reading))
    except NotKnown:
        low = high = None
    by_name = {table.name: table for table in readout.tables}
    data: dict[str, Any] = {
        "trial": readout.protocol.trial.id,
        "drug": readout.protocol.drug.name,
        "cutoff": readout.cutoff.isoformat(),
        "locked": readout.locked,
        "protocol_version": readout.protocol.version,
        "software": f"posology {__version__}",
        "head": {"event": readout.head.seq, "hash": readout.head.hash, "recorded": readout.head.recorded.isoformat()},
        "reconstructed": readout.reconstructed,
        "simulated": readout.simulated,
        "patients_treated": treated,
        "dose_min": low,
        "dose_max": high,
        "dose_unit": readout.protocol.dose.unit,
        "body_size": readout.protocol.dose.body_size,
        "mtd": number("mtd", MEASURES["mtd"](reading)),
        "advice": {**readout.advice.plain(), "settled": readout.advice.settled},
        "dlts": [_dlt(c, t, readout.protocol) for c in readout.courses for t in c.patient.toxicities if t.is_dlt],
        "rates": [_rate(counted) for counted in readout.rates],
        "times_to_event": {e.name: plain_times(e) for e in readout.times},
        "findings": [plain_finding(found) for found in readout.findings],
        "responses": [_response(c, readout.protocol) for c in readout.courses],
        "headline": [_cited(s.cited) for s in readout.headline],
        "narratives": {patient: [_cited(s.cited) for s in told] for patient, told in readout.narratives},
        "tables": {name: _table(table) for name, table in by_name.items()},
        "claims": [
            {
                "id": c.claim.id,
                "text": c.claim.text,
                "holds": c.holds,
                "found": c.found,
                "evidence": list(c.events),
                "mark": c.mark,
            }
            for c in readout.claims
        ],
        "overrides": [e.seq for e in readout.overridden],
        "corrections": [e.seq for e in readout.corrections],
        "sources": sources,
        "marks": marks,
    }
    return data


def _dlt(course: Course, toxicity: Any, protocol: Protocol) -> dict[str, Any]:
    return {
        "patient": course.id,
        "assigned_level": course.level,
        "assigned_dose": protocol.dose.levels[(course.level or 1) - 1],
        "term": toxicity.fact.term,
        "grade": toxicity.fact.grade,
        "resolved": toxicity.resolved is not None,
        "onset": toxicity.event.occurred.isoformat(),
        "study_day": course.patient.study_day(toxicity.event.occurred),
        "events": [e.seq for e in toxicity.sources],
    }


def _response(course: Course, protocol: Protocol) -> dict[str, Any]:
    r, m = course.response, course.marker
    day = lambda on: on.isoformat() if on else None
    return {
        "patient": course.id,
        "assigned_level": course.level,
        "tumour": course.tumour,
        "best": r.best,
        "confirmation": r.confirmation or None,
        "first_seen": day(r.on),
        "confirmed_on": day(r.confirmed_on),
        "progression": day(r.progression),
        "best_change_percent": r.best_change,
        "stable_weeks": None if r.stable_days is None else round(r.stable_days / 7, 1),
        "stable_ongoing": r.stable_ongoing,
        "settled": r.best_if_no_more_data.text,
        "not_evaluable_because": r.why or None,
        "clinical_benefit_on": day(r.benefit_on),
        "ca125_response": m.response if m else None,
        "ca125_confirmed_on": day(m.confirmed_on) if m else None,
        "ca125_largest_fall_percent": m.largest_fall if m else None,
        "on_treatment": course.patient.off_treatment is None,
        "events": sorted({e.seq for e in (*r.sources, *(m.sources if m else ()))}),
    }


def _rate(counted: Counted) -> dict[str, Any]:
    rate = counted.rate
    return {
        "patients": counted.group,
        "endpoint": counted.endpoint,
        "denominator": rate.denominator,
        "count": rate.count,
        "of": rate.of,
        "rate": rate.value,
        "lower": rate.lower,
        "upper": rate.upper,
        "level": rate.level,
        "who": list(counted.patients),
        "events": sorted({e.seq for e in counted.sources}),
    }


def _cited(cited: Cited) -> dict[str, Any]:
    return {"text": cited.text, "events": list(cited.events), "mark": cited.mark}


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": [[_cited(cell) for cell in row] for row in table.rows],
    }


def write(readout: Readout, out: str | Path, progress: Callable[[str], None] = lambda step: None) -> list[Path]:
    """Write the files of a readout into a folder: page, data, tables and figures; whole or not at all.

    Raises
    ------
    ReadoutError
        if the folder holds something that is no readout, or cannot be written.
    """
    from posology.readout.figures.trial_figures import figures
    from posology.readout.page import page

    out = Path(out)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "readout.json").exists())):
        raise ReadoutError(f"{out} holds something else: give a new folder, or one that holds a readout")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise ReadoutError(f"cannot write {out}: {error.strerror}") from None
    try:
        import vl_convert

        (draft / "tables").mkdir()
        (draft / "figures").mkdir()
        progress("tables")
        for table in readout.tables:
            (draft / "tables" / f"{table.name}.csv").write_text(table_csv(table), encoding="utf-8", newline="")
        drawn = figures(readout.state, readout.protocol, readout.courses, readout.cutoff, readout.times)
        svgs = {}
        for figure in drawn:
            progress(f"figure {figure.name}")
            svgs[figure.name] = vl_convert.vegalite_to_svg(figure.chart)
            (draft / "figures" / f"{figure.name}.svg").write_text(svgs[figure.name], encoding="utf-8")
            (draft / "figures" / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svgs[figure.name], scale=2))
        progress("data")
        text = json.dumps(summary(readout), ensure_ascii=False, indent=1, default=str)
        (draft / "readout.json").write_text(text + "\n", encoding="utf-8")
        progress("page")
        (draft / "readout.html").write_text(page(readout, drawn, svgs), encoding="utf-8")
        return _put(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, out: Path) -> list[Path]:
    """Move the draft into its place: by one rename where there was nothing, else in place of the old readout."""
    draft.chmod(0o755)
    if out.exists():
        old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old.")) / "readout"
        out.rename(old)
        draft.rename(out)
        shutil.rmtree(old.parent)
    else:
        draft.rename(out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def table_csv(table: Table) -> str:
    """Return a table as CSV: each column, then for each its events, then the marks."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    names = [column or "note" for column in table.columns]
    marked = any(cell.mark for row in table.rows for cell in row)
    writer.writerow(
        [*names, *(f"events: {name}" for name in names), *([f"mark: {name}" for name in names] if marked else [])]
    )
    for row in table.rows:
        values = ["" if cell.value is None else cell.text for cell in row]
        events = [" ".join(map(str, cell.events)) for cell in row]
        writer.writerow([*values, *events, *([cell.mark or "" for cell in row] if marked else [])])
    return handle.getvalue()


def event_words(event: Event) -> dict[str, Any]:
    """Return an event as the page shows it."""
    hidden = ("protocol", "advice", "changes")
    fact = {
        k: (v.isoformat() if isinstance(v, date | datetime) else v)
        for k, v in plain(event.fact).items()
        if k not in hidden
    }
    shown: dict[str, Any] = {
        "occurred": event.occurred.isoformat(),
        "recorded": f"{event.recorded:%Y-%m-%d %H:%M} UTC",
        "by": event.author,
        "kind": event.kind.replace("_", " "),
        "patient": event.patient,
        "fact": fact,
        "hash": event.hash[:12],
    }
    if event.provenance:
        shown["marks"] = event.provenance
    if event.reason:
        shown["reason"] = event.reason
    if event.supersedes:
        shown["corrects"] = event.supersedes
    if event.override:
        shown["override"] = f"{event.override.by}: {event.override.why} ({'; '.join(event.override.facts)})"
    return shown
