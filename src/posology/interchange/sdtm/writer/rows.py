"""From facts to rows of SDTM, for the domains that one fact does not fill by itself: DM, EX, AE, DS, TU, TR, RS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from posology.interchange.sdtm.layout import LAYOUTS
from posology.interchange.sdtm.reader.treatment import OUTCOME, SERIOUS
from posology.interchange.sdtm.supplemental import FIELD_IN_VARIABLE, KIND, qnam
from posology.protocol.model import Protocol
from posology.record import collected as c
from posology.record import facts as f
from posology.record.binding import Toxicity
from posology.record.event import Event, to_dict
from posology.record.fact import DISPOSITION, KINDS, Fact, SdtmHome
from posology.record.state import Patient

OUTCOMES = {said: term for term, said in OUTCOME.items()}
DISCONTINUATION_REASONS = {
    "progression": "PROGRESSIVE DISEASE",
    "adverse event": "ADVERSE EVENT",
    "dose-limiting toxicity": "ADVERSE EVENT",
    "withdrawal": "WITHDRAWAL BY SUBJECT",
    "death": "DEATH",
    "other": "OTHER",
}


def carriers() -> dict[type[Fact], SdtmHome]:
    """Return the kinds of fact that SDTM has no domain for in this use, and the disposition event that carries each."""
    return {
        kind: kind.sdtm
        for kind in KINDS.values()
        if isinstance(kind.sdtm, SdtmHome) and kind.sdtm.domain == "DS" and kind.sdtm.category
    }


@dataclass
class SdtmRow:
    """A row in the making: its variables, its supplemental qualifiers, and the event's day."""

    on: date
    seq: int
    values: dict[str, Any]
    qualifiers: dict[str, Any] = field(default_factory=dict)


def collected(event: Event) -> str | None:
    """Return the date as it was collected, or the day; None if there was none."""
    dated: str | None = getattr(event.fact, "dated", None)
    return None if dated == c.UNDATED else dated or event.occurred.isoformat()


def qualifiers_for(event: Event) -> dict[str, Any]:
    """Return the qualifiers that carry one of our facts: its kind and its fields."""
    kind = event.kind
    held = {
        name: value
        for name, value in to_dict(event.fact).items()
        if name != "dated" and (kind, name) not in FIELD_IN_VARIABLE
    }
    return {KIND: kind, **{qnam(name): value for name, value in held.items()}}


# DM -------------------------------------------------------------------------------------------------------------------


def subject(patient: Patient, protocol: Protocol, study: str) -> SdtmRow:
    """Return a patient's row of DM."""
    described = patient.last(c.Demographics)
    said: dict[str, Any] = dict(to_dict(described.fact)) if described else {}
    screened, consent, first, death = patient.last(f.Screened), patient.consent, patient.first_dose, patient.death
    doses = [*patient.of(f.Dosed), *patient.of(c.TreatmentGiven)]
    ends = [getattr(e.fact, "ended", None) or collected(e) or "" for e in doses]
    start = collected(first) if first else None
    said["reference_start"] = said.get("reference_start") or start
    said["first_exposure"] = said.get("first_exposure") or start
    said["last_exposure"] = said.get("last_exposure") or max(ends, default=None)
    said["reference_end"] = said.get("reference_end") or said["last_exposure"]
    said["consented"] = said.get("consented") or (collected(consent) if consent else None)
    said["death"] = collected(death) if death else None
    if screened and isinstance(screened.fact, f.Screened):
        said["sex"] = said.get("sex") or screened.fact.sex
        if said.get("age") is None and screened.fact.age is not None:
            said |= {"age": screened.fact.age, "age_unit": "YEARS"}
    if "planned_arm" not in said and "planned_arm_code" not in said:
        said |= _arm(patient, protocol)
    said.setdefault("subject", patient.id)
    values = {v.name: said.get(v.field) for v in LAYOUTS["DM"].variables if v.field}
    values |= {"USUBJID": subject_id(patient, study), "DTHFL": "Y" if death else None}
    told = described or screened or consent
    values["DMDTC"] = collected(told) if told else None
    qualifiers = dict(said.get("qualifiers") or {})
    return SdtmRow(told.occurred if told else date.min, 0, values, qualifiers)


def subject_id(patient: Patient, study: str) -> str:
    """Return USUBJID: as it came, or the study's identifier and the patient's."""
    described = patient.last(c.Demographics)
    came = described.fact.unique_subject if described and isinstance(described.fact, c.Demographics) else None
    return came or f"{study}-{patient.id}"


def _arm(patient: Patient, protocol: Protocol) -> dict[str, str]:
    place = patient.enrolment.fact if patient.enrolment else None
    if not isinstance(place, f.Enrolled):
        return {"not_assigned": "NOT ASSIGNED" if patient.reservation else "SCREEN FAILURE"}
    if place.level and place.cohort is None:
        code, name = f"L{place.level}", f"Level {place.level}: {protocol.dose.dose_label(place.level)}"
    else:
        code = place.cohort or ""
        name = protocol.expansion[code].title if code in protocol.expansion else code
    planned = {"planned_arm_code": code, "planned_arm": name}
    if patient.first_dose is None:
        return {**planned, "not_assigned": "ASSIGNED, NOT TREATED"}
    return {**planned, "actual_arm_code": code, "actual_arm": name}


# EX, AE, DS -----------------------------------------------------------------------------------------------------------


def exposures(patient: Patient, protocol: Protocol) -> Iterator[SdtmRow]:
    """Yield a patient's rows of EX."""
    for event in patient.of(f.Dosed):
        dose = event.fact
        assert isinstance(dose, f.Dosed)
        values = {
            "EXTRT": protocol.drug.name.upper(),
            "EXDOSE": dose.actual_mg,
            "EXDOSU": "mg",
            "EXDOSFRQ": "ONCE",
            "EXROUTE": protocol.schedule.route.upper(),
            "VISIT": f"CYCLE {dose.cycle} DAY {dose.day}",
            "VISITNUM": dose.cycle + dose.day / 100,
            "EXSTDTC": collected(event),
            "EXENDTC": dose.ended or event.occurred.isoformat(),
        }
        yield SdtmRow(
            event.occurred,
            event.seq,
            values,
            {**qualifiers_for(event), "NOMDOSE": protocol.dose.dose_label(dose.level)},
        )
    for event in patient.of(c.TreatmentGiven):
        fact = to_dict(event.fact)
        values = {v.name: fact.get(v.field) for v in LAYOUTS["EX"].variables if v.field}
        values |= {"EXSTDTC": collected(event), "EXENDTC": fact.get("ended")}
        yield SdtmRow(event.occurred, event.seq, values, dict(fact.get("qualifiers") or {}))


def adverse_events(patient: Patient, is_cut: bool) -> Iterator[SdtmRow]:
    """Yield a patient's rows of AE; the numbers of the events are their sequence where all are numbers.

    ``is_cut`` says that nothing after a data cutoff is known: then an event is not called fatal before the death.
    """
    events = patient.toxicities
    numbered = all(t.fact.ae.isdigit() for t in events) and len({int(t.fact.ae) for t in events}) == len(events)
    for place, toxicity in enumerate(sorted(events, key=lambda t: int(t.fact.ae)) if numbered else events, 1):
        yield _adverse_event(toxicity, int(toxicity.fact.ae) if numbered else place, patient, is_cut)


def _adverse_event(toxicity: Toxicity, number: int, patient: Patient, is_cut: bool) -> SdtmRow:
    event, fact, end, judged = toxicity.event, toxicity.fact, toxicity.resolved, toxicity.adjudicated
    outcome = fact.outcome
    if outcome and outcome.upper() == "FATAL" and patient.death is None and is_cut:
        outcome = None
    if end and isinstance(end.fact, f.AdverseEventResolved):
        outcome = outcome or OUTCOMES[end.fact.outcome]
    criteria = {name: "Y" for name in (fact.criteria or "").split(", ") if name in SERIOUS}
    coding = {f"AE{level}": code for level, code in (fact.coding or {}).items()}
    values = {
        "AESEQ": number,
        "AESPID": fact.sponsor_id or fact.ae,
        "AETERM": fact.verbatim or fact.term,
        "AEDECOD": fact.term,
        "AEBODSYS": fact.system_organ_class,
        "AESOC": fact.system_organ_class,
        **coding,
        "AESEV": fact.severity,
        "AESER": "Y" if fact.serious else "N",
        "AEACN": fact.action,
        "AEREL": fact.causality or ("Y" if fact.related else "N"),
        "AEOUT": outcome,
        **criteria,
        "AETOXGR": None if event.provenance.get("grade") == "assumed" and fact.severity else str(fact.grade),
        "VISIT": fact.visit,
        "AESTDTC": collected(event),
        "AEENDTC": collected(end) if end else fact.ended,
    }
    qualifiers: dict[str, Any] = dict(fact.qualifiers or {})
    if judged and isinstance(judged.fact, f.DltAdjudicated):
        qualifiers |= {"DLT": judged.fact.dlt, "DLTWHY": judged.fact.why, "DLTDTC": judged.occurred.isoformat()}
        qualifiers |= {"DLTDEF": (judged.fact.judged or {}).get("definition_says")}
    return SdtmRow(event.occurred, event.seq, values, qualifiers)


def dispositions(patient: Patient) -> Iterator[SdtmRow]:
    """Yield a patient's rows of DS: what was noted, and the facts that DS carries."""
    noted: set[tuple[date, str]] = set()
    for event in patient.of(c.DispositionEvent):
        fact = to_dict(event.fact)
        noted |= {
            (event.occurred, str(fact.get("category", "")).upper()),
            (event.occurred, str(fact.get("standard_term", "")).upper()),
        }
        values = {v.name: fact.get(v.field) for v in LAYOUTS["DS"].variables if v.field}
        yield SdtmRow(
            event.occurred, event.seq, {**values, "DSSTDTC": collected(event)}, dict(fact.get("qualifiers") or {})
        )
    described = patient.last(c.Demographics)
    arms = {described.fact.planned_arm_code, described.fact.actual_arm_code} if described else set()  # type: ignore[attr-defined]
    arms.discard(None)
    for kind, home in carriers().items():
        term, category = home.term, home.category
        for event in patient.of(kind):
            said = event.fact
            if (kind is f.Discontinued and (event.occurred, DISPOSITION) in noted) or (event.occurred, term) in noted:
                continue
            if kind in (f.Screened, f.Consented, f.Died) and (event.reason or "").startswith("DM "):
                continue  # made of DM when the record was taken over: DM holds it again
            if kind is f.Enrolled and getattr(said, "cohort", None) in arms:
                continue  # the arm says it
            decoded = DISCONTINUATION_REASONS[said.why] if isinstance(said, f.Discontinued) else term
            values = {
                "DSTERM": said.cause if isinstance(said, f.Died) else decoded,
                "DSDECOD": decoded,
                "DSCAT": category,
                "DSSCAT": "STUDY TREATMENT"
                if kind is f.Discontinued
                else "STUDY PARTICIPATION"
                if kind is f.Died
                else None,
                "DSSTDTC": collected(event),
            }
            yield SdtmRow(event.occurred, event.seq, values, qualifiers_for(event))


# TU, TR, RS -----------------------------------------------------------------------------------------------------------


def lesions(patient: Patient) -> tuple[list[SdtmRow], list[SdtmRow]]:
    """Return a patient's rows of TU and of TR."""
    identified: dict[tuple[str, str], SdtmRow] = {}
    results: list[SdtmRow] = []
    gone: dict[tuple[int, str], list[str]] = {}
    for event in patient.of(f.LesionMeasured):
        if isinstance(event.fact, f.LesionMeasured) and event.fact.merged_into:
            gone.setdefault((event.fact.assessment, event.fact.merged_into), []).append(event.fact.lesion)
    for event in (*patient.of(f.LesionMeasured), *patient.of(c.IndependentLesion)):
        fact = event.fact
        assert isinstance(fact, f.LesionMeasured | c.IndependentLesion)
        mine = isinstance(fact, f.LesionMeasured)
        number = fact.assessment if isinstance(fact, f.LesionMeasured) else None
        accepted = True if mine and fact.reader else getattr(fact, "accepted", None)
        if isinstance(fact, f.LesionMeasured) and fact.merged_into:
            continue  # the row of the lesion that it has merged into names it
        link, change = fact.lesion, ("TUMIDENT", "Tumor Identification")
        if isinstance(fact, f.LesionMeasured):
            others = gone.get((fact.assessment, fact.lesion), [])
            if others:
                link, change = "/".join([fact.lesion, *others]), ("MERGE", "Tumor Merged")
            elif fact.fragment:
                link, change = f"{fact.lesion}.{fact.fragment}", ("SPLIT", "Tumor Split")
        read_by = _reader(fact.reader)
        common = {
            "VISIT": fact.visit or (_visit(number) if number is not None else None),
            "VISITNUM": number if isinstance(fact, f.LesionMeasured) else fact.visit_number,
        }
        seen = {f"TR{name}": value for name, value in (*read_by.items(), ("ACPTFL", accepted))}
        place = fact.organ.upper() if fact.organ and fact.organ != c.UNDATED else None
        key = (link, fact.reader or "INVESTIGATOR")
        if key not in identified and fact.role:
            role = fact.role.upper()
            values = {
                "TULNKID": link,
                "TUTESTCD": change[0],
                "TUTEST": change[1],
                "TUORRES": role,
                "TUSTRESC": role,
                "TULOC": place,
                "TUMETHOD": fact.method,
                "TUDTC": collected(event),
                **common,
                **{f"TU{name}": value for name, value in (*read_by.items(), ("ACPTFL", accepted))},
            }
            identified[key] = SdtmRow(event.occurred, event.seq, values)
        row = {
            "TRGRPID": fact.role.upper() if fact.role else None,
            "TRLNKGRP": f"A{number + 1}" if number is not None else None,
            "TRLNKID": link,
            "TRMETHOD": fact.method,
            "TRDTC": collected(event),
            **common,
            **seen,
        }
        qualifiers: dict[str, Any] = {} if number is None else {qnam("assessment"): number}
        known = identified[key].values["TULOC"] if key in identified else None
        if place and fact.organ != known:
            qualifiers["ORGAN"] = fact.organ
        if fact.nodal is not None and fact.nodal != ("LYMPH NODE" in (place or known or "")):
            qualifiers["NODAL"] = fact.nodal
        results += [
            SdtmRow(event.occurred, event.seq, {**row, **result}, dict(qualifiers)) for result in _results(fact)
        ]
    return list(identified.values()), results


def _results(fact: f.LesionMeasured | c.IndependentLesion) -> Iterator[dict[str, Any]]:
    tests = ("SAXIS", "Short Axis") if fact.nodal else ("LDIAM", "Longest Diameter")
    for (code, name), size in ((tests, fact.diameter_mm), (("LPERP", "Longest Perpendicular"), fact.perpendicular_mm)):
        if size is not None:
            yield {
                "TRTESTCD": code,
                "TRTEST": name,
                "TRORRES": f"{size:.15g}",
                "TRORRESU": "mm",
                "TRSTRESC": f"{size:.15g}",
                "TRSTRESN": size,
                "TRSTRESU": "mm",
            }
    if fact.status:
        state = fact.status.upper()
        yield {"TRTESTCD": "TUMSTATE", "TRTEST": "Tumor State", "TRORRES": state, "TRSTRESC": state}


def _reader(reader: str | None) -> dict[str, str | None]:
    who, _, one = (reader or "INVESTIGATOR").partition(", ")
    return {"EVAL": who, "EVALID": one or None}


def _visit(assessment: int) -> str:
    return f"ASSESSMENT {assessment}" if assessment else "BASELINE"


def responses(patient: Patient) -> Iterator[SdtmRow]:
    """Yield a patient's rows of RS."""
    for event in patient.of(f.TumourAssessed):
        read = event.fact
        assert isinstance(read, f.TumourAssessed)
        values = {
            "RSTESTCD": "OVRLRESP",
            "RSTEST": "Overall Response",
            "RSCAT": "RECIST 1.1",
            "RSORRES": read.overall,
            "RSSTRESC": read.overall.upper(),
            "RSLNKGRP": f"A{read.assessment + 1}",
            "VISIT": read.visit or _visit(read.assessment),
            "VISITNUM": read.assessment,
            "RSDTC": collected(event),
            "RSACPTFL": True if read.reader else None,
            **{f"RS{name}": value for name, value in _reader(read.reader).items()},
        }
        note = {qnam("note"): read.note} if read.note else {}
        yield SdtmRow(event.occurred, event.seq, values, {qnam("assessment"): read.assessment, **note})
    for event in patient.of(c.IndependentResponse):
        fact = to_dict(event.fact)
        values = {v.name: fact.get(v.field) for v in LAYOUTS["RS"].variables if v.field}
        values |= {f"RS{name}": value for name, value in _reader(fact.get("reader")).items()}
        yield SdtmRow(
            event.occurred, event.seq, {**values, "RSDTC": collected(event)}, dict(fact.get("qualifiers") or {})
        )
