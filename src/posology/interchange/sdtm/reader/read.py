"""From a folder of SDTM datasets to the record of a trial, with a report of what was not understood.

CDISC SDTM 1.7 (SDTMIG 3.3), as SAS transport, Dataset-JSON, Parquet or CSV. The domains are read in the files beside
this one; ``docs/interchange.md`` has the table of what becomes what.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from posology.conduct.import_trial import ImportedFact, import_events
from posology.interchange.datasets.folder import SourceError
from posology.interchange.sdtm.layout import LAYOUTS, homes
from posology.interchange.sdtm.reader import findings_domains as measured
from posology.interchange.sdtm.reader import lesions, patients, responses, treatment
from posology.interchange.sdtm.reader.assessments import Reader, assessments
from posology.interchange.sdtm.reader.domain_tables import DomainTable, tables
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.interchange.sdtm.reader.protocol import derive
from posology.interchange.sdtm.reader.report import Report
from posology.protocol.amendments import versions
from posology.protocol.model import protocol_from
from posology.record import collected as c
from posology.record import facts as f
from posology.record.store import gc_paused
from posology.shared.files import holds_record

STANDARD = "CDISC SDTM"
AS_GIVEN = "as given"


@dataclass(frozen=True)
class SdtmImport:
    """What a folder of SDTM amounts to: the protocol's document, the facts in the record's order, and the report."""

    document: dict[str, Any]
    begun: date
    finish: list[ImportedFact]
    report: Report


def read_sdtm(
    folder: str | Path,
    *,
    today: date,
    protocol: dict[str, Any] | None = None,
    reader: Reader = "investigator",
    leave_out: Collection[str] = (),
    progress: Callable[[str], None] = lambda step: None,
) -> SdtmImport:
    """Read a folder of SDTM datasets.

    Parameters
    ----------
    folder
        holds the datasets, each named after its domain (``dm.xpt``, ``lb_onco.csv.gz``).
    today
        what is dated later is no fact yet.
    protocol
        the trial's own protocol, as a checked document; without one it is derived from what the data show.
    reader
        whose reading of the scans is the trial's own.
    leave_out
        names of files, without their ending, that are not to be read.
    progress
        is told each step.

    Raises
    ------
    SourceError, posology.interchange.datasets.dataset.DatasetError
        if the folder holds no study, or a file cannot be read.
    """
    report = Report()
    progress("reading files")
    by_domain, study = tables(Path(folder), report, leave_out)
    people = by_domain["DM"]
    begun = _begun(people, today)
    document = _document(by_domain, study, begun, protocol, report)
    drafts = FactBuilder(report, today, protocol_from(versions(document)[-1]))
    _prepare(by_domain, drafts)
    for domain, step in _steps(drafts).items():
        if domain in by_domain:
            progress(f"reading {domain}")
            step(by_domain[domain])
    progress("reading TU, TR, RS")
    numbered = assessments(by_domain.get("TR"), by_domain.get("RS"), drafts, reader)
    if "TR" in by_domain:
        lesions.lesions(by_domain.get("TU"), by_domain["TR"], drafts, reader, numbered)
    if "RS" in by_domain:
        responses.responses(by_domain["RS"], drafts, numbered, reader)
    progress("reading DM, MH")
    tumours = patients.history(by_domain["MH"], drafts) if "MH" in by_domain else {}
    patients.demographics(people, drafts, tumours, set(drafts.of(f.Screened)))
    for table in by_domain.values():
        if table.name != "TS":  # it is about the trial: the protocol is read from it, or the one given is followed
            table.report_untaken_rows()
        table.report_unread_columns()
    progress("checking facts")
    return SdtmImport(document, _created(document, begun), drafts.finish(), report)


def _document(
    by_domain: dict[str, DomainTable], study: str, begun: date, protocol: dict[str, Any] | None, report: Report
) -> dict[str, Any]:
    """Return the protocol's document: the one given, or one derived from the data."""
    if protocol is None:
        report.protocol = "derived from the data: arms are cohorts, what the data do not say is assumed"
        return derive(study, by_domain, begun)
    report.protocol = AS_GIVEN
    if "TS" in by_domain:
        report.rules["TS not read: the protocol given is followed"] += len(by_domain.pop("TS"))
    if protocol["trial"]["id"] != study:
        wrong = f"is {study}, but the protocol is of {protocol['trial']['id']}"
        report.find("", None, "STUDYID", wrong, "the protocol's name is kept")
    return protocol


def _prepare(by_domain: dict[str, DomainTable], drafts: FactBuilder) -> None:
    """Read what other domains need: deaths, body sizes, first doses and the levels of arms."""
    people = by_domain["DM"]
    for patient, day in zip(people.patient, people.complete_dates("DTHDTC"), strict=True):
        if day:
            drafts.deaths[patient] = day
    if "VS" in by_domain:
        measured.sizes(by_domain["VS"], drafts)
    first = treatment.first_doses(by_domain.get("EX"), people, drafts)
    patients.assign_levels(people, drafts, first)


def _steps(drafts: FactBuilder) -> dict[str, Callable[[DomainTable], object]]:
    """Return how each domain is read whose rows stand for themselves, in the order of reading."""

    def observations(table: DomainTable) -> None:
        measured.observations(table, drafts)

    steps: dict[str, Callable[[DomainTable], object]] = {
        "DS": lambda table: patients.disposition(table, drafts),
        "EX": lambda table: treatment.exposure(table, drafts),
        "AE": lambda table: treatment.adverse_events(table, drafts),
        "CM": lambda table: patients.other_therapy(table, drafts),
        **dict.fromkeys(("LB", "VS", "PC"), observations),
    }
    # a kind of measurement that names a domain of its own
    return steps | {domain: observations for domain in homes() if domain not in LAYOUTS}


def import_sdtm(
    folder: str | Path,
    where: str | Path,
    *,
    by: str,
    protocol: dict[str, Any] | None = None,
    reader: Reader = "investigator",
    leave_out: Collection[str] = (),
    report_to: Path | None = None,
    now: datetime | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Report:
    """Make the record of a trial from a folder of SDTM datasets, whole or not at all; return the report.

    The report is also written to the file ``report_to``, if one is named, as JSON; no record is made if it cannot be.

    Raises
    ------
    SourceError, posology.interchange.datasets.dataset.DatasetError
        if the data cannot be read; nothing was written.
    posology.record.store.StoreError
        if there is a record at ``where`` already, or it cannot be written.
    """
    moment = now or datetime.now(UTC)
    with gc_paused():
        made = read_sdtm(
            folder, today=moment.date(), protocol=protocol, reader=reader, leave_out=leave_out, progress=progress
        )
        progress("recording")
        source = imported(made.report, Path(folder).resolve().name)
        with _report(made.report, report_to):
            import_events(where, made.document, source, made.finish, by=by, recorded=moment, created=made.begun)
    return made.report


@contextmanager
def _report(report: Report, path: Path | None) -> Iterator[None]:
    """Write the report as JSON beside its place, and put it there once the record is made."""
    if path is not None and holds_record(path):
        raise SourceError(f"{path} is a trial's record: name another file")
    if path is None:
        yield
        return
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(json.dumps(report.plain(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        yield
        draft.replace(path)
    except OSError as error:
        raise SourceError(f"cannot write the report to {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def imported(report: Report, source: str) -> c.DataImport:
    """Return the event that says where the record comes from."""
    left: dict[str, int] = {}
    for n in report.not_understood:
        name = f"{n.domain}.{n.variable}" if n.variable else n.domain
        left[name] = left.get(name, 0) + n.rows
    return c.DataImport(
        source=source or "a folder",
        standard=STANDARD,
        files=dict(report.files),
        events=dict(report.events),
        not_understood=left,
        findings=len(report.findings),
        protocol="given" if report.protocol == AS_GIVEN else "derived",
    )


def _begun(people: DomainTable, today: date) -> date:
    days = [d for name in ("RFICDTC", "DMDTC", "RFSTDTC") for d in people.dates(name)[0] if d and d <= today]
    return min(days, default=today)


def _created(document: dict[str, Any], begun: date) -> date:
    return min(begun, date.fromisoformat(str(document["trial"]["date"])))
