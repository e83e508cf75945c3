"""From the record of a trial to SDTM datasets, of all that had occurred by a cutoff.

CDISC SDTM 1.7 (SDTMIG 3.3). What a fact holds and no variable takes goes to SUPP--; text of more than 200 bytes goes on
there in parts, as the guide wants it for transport files.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.define import Study, define, write_define
from posology.interchange.datasets.folder import SourceError
from posology.interchange.datasets.formats import Format, write_dataset
from posology.interchange.sdtm.layout import LAYOUTS, homes, layout_of
from posology.interchange.sdtm.reader.protocol import NOTE
from posology.interchange.sdtm.standard import described
from posology.interchange.sdtm.supplemental import RESERVED, SUPP, qnam, types_of
from posology.interchange.sdtm.writer import rows as r
from posology.interchange.sdtm.writer.rows import SdtmRow, collected
from posology.protocol.model import Protocol
from posology.record import collected as c
from posology.record import facts as f
from posology.record.fact import Fact
from posology.record.state import Patient, State
from posology.record.store import gc_paused
from posology.shared.dates import study_day_of

if TYPE_CHECKING:
    import polars as pl

LONGEST = 200
ALWAYS = (
    "SEQ",
    "TESTCD",
    "TEST",
    "ORRES",
    "STRESC",
    "TRT",
    "TERM",
    "DECOD",
    "STDTC",
    "DTC",
    "SUBJID",
    "RFENDTC",
    "SITEID",
    "AGE",
    "AGEU",
    "SEX",
    "RACE",
    "ARMCD",
    "ARM",
    "ACTARMCD",
    "ACTARM",
    "COUNTRY",
    "AESER",
    "AEREL",
    "AEOUT",
    "AETOXGR",
    "EXDOSE",
    "EXDOSU",
    "TRLNKID",
    "TULNKID",
    "STUDYID",
    "DOMAIN",
    "USUBJID",
    "TSPARM",
    "TSPARMCD",
    "TSVAL",
)
"""The endings of variables that a domain keeps even if all are empty: those the guide requires or expects."""


def datasets(state: State) -> list[Dataset]:
    """Return the record as SDTM datasets, those with rows, SUPP-- after its domain.

    Parameters
    ----------
    state
        what is known; at a data cutoff if it was folded to one, as that of a snapshot: it holds nothing later.
    """
    protocol, study = state.protocol(), str(state.trial.documents[0][1]["trial"]["id"])
    patients = sorted(state.patients.values(), key=lambda p: r.subject_id(p, study))
    subjects = {p.id: r.subject(p, protocol, study) for p in patients}
    starts = {p.id: _day(subjects[p.id].values.get("RFSTDTC")) for p in patients}
    tumours = {p.id: r.lesions(p) for p in patients}
    writers: dict[str, Callable[[Patient], Iterable[SdtmRow]]] = {
        "DM": lambda p: [subjects[p.id]],
        "EX": lambda p: r.exposures(p, protocol),
        "AE": lambda p: r.adverse_events(p, is_cut=state.occurred_by is not None),
        "MH": _history,
        "DS": r.dispositions,
        "LB": _laboratory,
        "VS": _vital_signs,
        "TU": lambda p: tumours[p.id][0],
        "TR": lambda p: tumours[p.id][1],
        "RS": r.responses,
    }
    of = {domain: writers.get(domain) or _as_they_are(domain) for domain in homes()}
    made: list[Dataset] = []
    for domain, rows_of in of.items():
        rows = [
            (subjects[p.id].values["USUBJID"], starts[p.id], row)
            for p in patients
            for row in _ordered(domain, rows_of(p))
        ]
        if rows:
            made += _domain(domain, study, rows)
    made.append(_summary(state, protocol, study))
    return made


def export_sdtm(
    state: State,
    folder: str | Path,
    *,
    format: Format = "xpt",
    created: datetime | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Dataset]:
    """Write the record as SDTM datasets with their Define-XML into a new folder, whole or not at all, and return them.

    Raises
    ------
    SourceError
        if the folder is there and holds something, or cannot be written.
    posology.interchange.datasets.dataset.DatasetError
        if the format cannot hold a dataset.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SourceError(f"{folder} is there already and holds something: name a new folder")
    progress("making datasets")
    with gc_paused():
        made = datasets(state)
    try:
        draft = Path(tempfile.mkdtemp(dir=folder.resolve().parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise SourceError(f"cannot write to {folder.resolve().parent}: {error.strerror}") from None
    try:
        for dataset in made:
            progress(f"writing {dataset.name}")
            write_dataset(dataset, draft / f"{dataset.name.lower()}.{format}", format, created=created)
        progress("writing Define-XML")
        keyed, standard = described(made)
        trial = state.protocol().trial
        document = define(keyed, standard, Study(trial.id, trial.title, trial.id), suffix=f".{format}", created=created)
        write_define(document, draft / "define.xml")
        draft.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        draft.replace(folder)
    except OSError as error:
        raise SourceError(f"cannot write {folder}: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text and len(text) >= 10 else None
    except ValueError:
        return None


def _ordered(domain: str, rows: Iterable[SdtmRow]) -> list[SdtmRow]:
    """Return a patient's rows in the order of their days, numbered (unless they are already)."""
    held = list(rows)
    if domain == "DM":
        return held
    number = f"{domain}SEQ"
    if all(number in row.values for row in held):
        return sorted(held, key=lambda row: int(row.values[number]))
    held.sort(key=lambda row: (row.on, row.seq))
    for place, row in enumerate(held, 1):
        row.values[number] = place
    return held


# Domains whose rows are facts as they are
# ------------------------------------------------------------------------------


def _as_they_are(domain: str) -> Callable[[Patient], Iterable[SdtmRow]]:
    """Return the writer of a domain whose rows are facts as they are."""
    layout = layout_of(domain)
    names = [v.name for v in layout.variables]
    dated = f"{domain}STDTC" if f"{domain}STDTC" in names else f"{domain}DTC"
    assert layout.kind is not None
    kind = layout.kind
    return lambda patient: _plain(patient, domain, kind, dated)


def _plain(patient: Patient, domain: str, kind: type[Fact], dated: str) -> Iterable[SdtmRow]:
    variables = [(v.name, v.field) for v in layout_of(domain).variables if v.field]
    for event in patient.of(kind):
        fact = vars(event.fact)
        values = {name: value for name, field in variables if (value := fact.get(field)) is not None}
        values[dated] = collected(event)
        if fact.get("not_done"):
            values[f"{domain}STAT"] = "NOT DONE"
            values[f"{domain}REASND"] = None if fact["not_done"] == c.UNDATED else fact["not_done"]
        yield SdtmRow(event.occurred, event.seq, values, dict(fact.get("qualifiers") or {}))


def _history(patient: Patient) -> Iterable[SdtmRow]:
    diagnosed = False
    codes = {"LLT": "MHLLT", "HLT": "MHHLT", "HLGT": "MHHLGT"}
    for event, row in zip(patient.of(c.MedicalHistory), _plain(patient, "MH", c.MedicalHistory, "MHDTC"), strict=True):
        assert isinstance(event.fact, c.MedicalHistory)
        diagnosed |= (event.fact.category or "").upper() == "PRIMARY DIAGNOSIS"
        row.values |= {codes[level]: code for level, code in (event.fact.coding or {}).items() if level in codes}
        yield row
    screened = patient.last(f.Screened)
    if screened and isinstance(screened.fact, f.Screened) and not diagnosed and screened.fact.tumour_type != c.UNDATED:
        values = {"MHTERM": screened.fact.tumour_type, "MHCAT": "PRIMARY DIAGNOSIS", "MHDTC": collected(screened)}
        histology = {qnam("histology"): screened.fact.histology} if screened.fact.histology else {}
        yield SdtmRow(screened.occurred, screened.seq, values, {"DERIVED": True, **histology})


def _laboratory(patient: Patient) -> Iterable[SdtmRow]:
    yield from _plain(patient, "LB", c.LaboratoryMeasured, "LBDTC")
    for event in patient.of(f.MarkerMeasured):
        fact = event.fact
        assert isinstance(fact, f.MarkerMeasured)
        value = f"{fact.value:.15g}"
        values = {
            "LBTESTCD": "CA125",
            "LBTEST": "Cancer Antigen 125",
            "LBCAT": "CHEMISTRY",
            "LBORRES": value,
            "LBORRESU": fact.unit,
            "LBORNRHI": f"{fact.upper_limit:.15g}",
            "LBSTRESC": value,
            "LBSTRESN": fact.value,
            "LBSTRESU": fact.unit,
            "LBSTNRHI": fact.upper_limit,
            "LBNAM": fact.laboratory,
            "VISIT": fact.visit,
            "LBDTC": collected(event),
        }
        yield SdtmRow(event.occurred, event.seq, values)


def _vital_signs(patient: Patient) -> Iterable[SdtmRow]:
    yield from _plain(patient, "VS", c.VitalSignMeasured, "VSDTC")
    tests = {e.fact.test for e in patient.of(c.VitalSignMeasured)}  # type: ignore[attr-defined]
    screened = patient.last(f.Screened)
    if screened is None or not isinstance(screened.fact, f.Screened):
        return
    sizes = (("HEIGHT", "Height", screened.fact.height_cm, "cm"), ("WEIGHT", "Weight", screened.fact.weight_kg, "kg"))
    for code, name, size, unit in sizes:
        if size is not None and code not in tests:
            shown = f"{size:.15g}"
            values = {
                "VSTESTCD": code,
                "VSTEST": name,
                "VSORRES": shown,
                "VSORRESU": unit,
                "VSSTRESC": shown,
                "VSSTRESN": size,
                "VSSTRESU": unit,
                "VSDTC": collected(screened),
            }
            yield SdtmRow(screened.occurred, screened.seq, values, {"DERIVED": True})


# Frames ---------------------------------------------------------------------------------------------------------------


_Rows = Sequence[tuple[str, date | None, SdtmRow]]
"""Each row with its subject and the day of the subject's first dose."""


def _domain(domain: str, study: str, rows: _Rows) -> list[Dataset]:
    """Return a domain's dataset, and its supplemental qualifiers where there are any."""
    import polars as pl

    layout = layout_of(domain)
    columns: dict[str, pl.Series] = {}
    longer: list[tuple[str, SdtmRow, str, str]] = []
    for variable in layout.variables:
        name = variable.name
        values = _values(domain, study, name, rows)
        column = _narrowed(pl.Series(name, values, dtype=pl.Float64, strict=False)) if variable.numeric else None
        if column is None:
            column, continued = _text_column(name, values, rows)
            longer += continued
        always = name in ALWAYS or (name[:2] == domain and name.removeprefix(domain) in ALWAYS)
        if always or column.null_count() < len(column):
            columns[name] = column
    labels = {v.name: v.label for v in layout.variables}
    dataset = Dataset.of(domain, pl.DataFrame(list(columns.values())), layout.label, labels)
    supplement = _supplement(domain, study, rows, longer)
    return [dataset, supplement] if supplement else [dataset]


def _values(domain: str, study: str, name: str, rows: _Rows) -> list[Any]:
    """Return a variable's value in each row."""
    if name == "STUDYID":
        return [study] * len(rows)
    if name == "DOMAIN":
        return [domain] * len(rows)
    if name == "USUBJID":
        return [subject for subject, _, _ in rows]
    if name.endswith("DY") and name != "VISITDY":
        return list(_study_days(rows, f"{name[:-2]}DTC"))
    return [row.values.get(name) for _, _, row in rows]


def _text_column(name: str, values: list[Any], rows: _Rows) -> tuple[pl.Series, list[tuple[str, SdtmRow, str, str]]]:
    """Return a column of text, and what did not fit: subject, row, qualifier and text of each further part."""
    import polars as pl

    types = set(map(type, values))
    texts = values if types <= {str, type(None)} else [_text(value, name) for value in values]
    column = pl.Series(name, texts, dtype=pl.String).str.strip_chars_end().replace("", None)
    longer: list[tuple[str, SdtmRow, str, str]] = []
    for i in (column.str.len_bytes() > LONGEST).fill_null(False).arg_true().to_list():
        first, *rest = split(str(column[i]))
        longer += [
            (rows[i][0], rows[i][2], f"{name[:7]}{k}", f"{name} (part {k + 1})\0{part}")
            for k, part in enumerate(rest, 1)
        ]
        column = column.scatter(i, first)
    return column, longer


def _text(value: Any, name: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "Y" if value else None if name.endswith("FL") else "N"
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value).rstrip() or None


def _narrowed(column: pl.Series) -> pl.Series:
    import polars as pl

    held = column.drop_nulls()
    return column.cast(pl.Int64) if len(held) and bool((held == held.floor()).all()) else column


def _study_days(rows: Sequence[tuple[str, date | None, SdtmRow]], variable: str) -> list[int | None]:
    found: list[int | None] = []
    for _, start, row in rows:
        day = _day(row.values.get(variable))
        found.append(study_day_of(day, start) if day and start else None)
    return found


def split(text: str, longest: int = LONGEST) -> list[str]:
    """Split a text into parts of so many bytes at most, none of which ends in a blank.

    >>> split("Grade 3 or worse", 8)
    ['Grade 3', ' or', ' worse']
    """
    parts = []
    while len(text.encode()) > longest:
        part = text.encode()[:longest].decode(errors="ignore")
        cut = part.rstrip() if " " not in part[1:] or text[len(part)] == " " else part[: part.rindex(" ")].rstrip()
        part = cut or part
        parts.append(part)
        text = text[len(part) :]
    return [*parts, text]


def _supplement(
    domain: str,
    study: str,
    rows: Sequence[tuple[str, date | None, SdtmRow]],
    longer: list[tuple[str, SdtmRow, str, str]],
) -> Dataset | None:
    import polars as pl

    lines: list[tuple[str, ...]] = []
    by = "" if domain == "DM" else f"{domain}SEQ"
    for subject, row, name, said in longer:
        label, _, part = said.partition("\0")
        lines.append((subject, str(row.values.get(by, "")), name, label, part))
    for subject, _, row in rows:
        for name, value in row.qualifiers.items():
            text = _text(value, "")
            if text is None:
                continue
            first, *rest = split(text)
            number = str(row.values.get(by, ""))
            lines.append((subject, number, name, _label(name), first))
            lines += [
                (subject, number, f"{name[:7]}{k}", f"{name} (part {k + 1})", part) for k, part in enumerate(rest, 1)
            ]
    if not lines:
        return None
    subjects, numbers, names, labels, values = (list(column) for column in zip(*lines, strict=True))
    frame = pl.DataFrame(
        {
            "STUDYID": study,
            "RDOMAIN": domain,
            "USUBJID": subjects,
            "IDVAR": by or None,
            "IDVARVAL": numbers,
            "QNAM": names,
            "QLABEL": labels,
            "QVAL": values,
            "QORIG": "CRF",
            "QEVAL": None,
        },
        schema={name: pl.String for name, _ in SUPP},
    )
    frame = frame.sort("USUBJID", pl.col("IDVARVAL").cast(pl.Int64, strict=False), maintain_order=True)
    return Dataset.of(f"SUPP{domain}", frame, f"Supplemental Qualifiers for {domain}", dict(SUPP))


def _labels() -> dict[str, str]:
    kinds: list[type[Fact]] = [*r.carriers(), f.Dosed, f.LesionMeasured, f.TumourAssessed]
    fields = {qnam(name): name.replace("_", " ").capitalize() for kind in kinds for name in types_of(kind)}
    return {**fields, **RESERVED}


LABELS = _labels()


def _label(name: str) -> str:
    return LABELS.get(name, name)


def _summary(state: State, protocol: Protocol, study: str) -> Dataset:
    """Return TS: what the protocol says of the trial, and the data cutoff."""
    import polars as pl

    cutoff = state.occurred_by
    derived = protocol.provenance is not None and protocol.provenance.note == NOTE
    first = min((p.consent.occurred for p in state.patients.values() if p.consent), default=None)
    trial = protocol.trial
    phase = {"1": "PHASE I TRIAL", "1/2": "PHASE I/II TRIAL"}[trial.phase]
    said = [
        ("TITLE", "Trial Title", trial.title),
        ("TPHASE", "Trial Phase Classification", None if derived else phase),
        ("SPONSOR", "Clinical Study Sponsor", trial.sponsor),
        ("REGID", "Registry Identifier", trial.registry),
        ("INDIC", "Trial Disease/Condition Indication", trial.population),
        ("TRT", "Investigational Therapy or Treatment", protocol.drug.name),
        (
            "ROUTE",
            "Route of Administration",
            None if protocol.schedule.route == c.UNDATED else protocol.schedule.route.upper(),
        ),
        ("OBJPRIM", "Trial Primary Objective", trial.objectives[0] if trial.objectives else None),
        ("PLANSUB", "Planned Number of Subjects", str(trial.planned_patients) if trial.planned_patients else None),
        ("STYPE", "Study Type", "INTERVENTIONAL"),
        ("SSTDTC", "Study Start Date", str(first) if first else None),
        ("DCUTDTC", "Data Cutoff Date", str(cutoff) if cutoff else None),
        ("DCUTDESC", "Data Cutoff Description", "All that occurred by this date" if cutoff else None),
    ]
    held = [(code, name, split(value)[0]) for code, name, value in said if value]
    frame = pl.DataFrame(
        {
            "STUDYID": study,
            "DOMAIN": "TS",
            "TSSEQ": [1] * len(held),
            "TSPARMCD": [code for code, _, _ in held],
            "TSPARM": [name for _, name, _ in held],
            "TSVAL": [value for _, _, value in held],
        }
    )
    return Dataset.of("TS", frame, LAYOUTS["TS"].label, {v.name: v.label for v in LAYOUTS["TS"].variables})
