"""The tables of a readout, every cell with the events it comes from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date

from posology.conduct.advice import Count, advise
from posology.conduct.overview import treatment
from posology.protocol.model import Protocol
from posology.readout.cited import Cited, Table, cite
from posology.readout.courses import Course
from posology.readout.data_findings import Found, findings_table
from posology.readout.tables.adverse_events import SEVERE, Reported, by_class, onset, profile, reported
from posology.readout.tables.responses import not_evaluable, reading_differences, response_rates
from posology.readout.tables.times_to_event import Endpoint, patient_times, summary_table
from posology.record.event import Event
from posology.record.facts import Dosed, PriorTherapy, Screened, TargetScored
from posology.record.state import State, Toxicity


def tables(
    state: State,
    protocol: Protocol,
    courses: Sequence[Course],
    cutoff: date,
    times: Sequence[Endpoint] = (),
    findings: Sequence[Found] = (),
    ae: Reported | None = None,
) -> list[Table]:
    """Return every table, in the order of the page."""
    ae = reported(courses) if ae is None else ae
    made = [
        by_level(state, cutoff),
        patients(courses),
        decisions(state, protocol),
        dlts(courses, protocol),
        by_class(courses, ae),
        by_class(courses, ae, SEVERE),
        adverse_events(courses, protocol),
        onset(courses, ae),
        profile(courses, ae, protocol.dlt.window_days),
        late_onset(courses, protocol),
        expression(courses),
        response_rates(courses),
        responses(courses),
        not_evaluable(courses),
        markers(courses),
        reading_differences(courses),
        summary_table(times),
        *(patient_times(e) for e in times),
        findings_table(findings),
    ]
    return [table for table in made if table.rows]


def plain(value: object) -> Cited:
    """Return a value that rests on the protocol, not on events."""
    return Cited(value)


def by_level(state: State, cutoff: date) -> Table:
    """Count patients by dose level."""
    rows = []
    for c in advise(state, cutoff).counts:
        enrolled = [state.patients[p].enrolment for p in c.patients]
        on = [state.patients[p] for p in c.patients]
        treated = cite(c.treated, [*enrolled, *(p.first_dose for p in on)], "level")
        evaluable = cite(c.evaluable, c.sources)
        still = [p for p in on if p.off_treatment is None]
        rows.append(
            (
                plain(c.level),
                plain(c.dose),
                treated,
                evaluable,
                cite(c.dlt, _dlt_events(state, c) or c.sources, "dlt", "level"),
                cite(c.pending, c.sources),
                cite(c.not_evaluable, c.sources),
                cite(len(still), [p.first_dose for p in on] + [p.off_treatment for p in on]),
            )
        )
    columns = ("Level", "Dose", "Treated", "DLT-evaluable", "DLT", "Inside the window", "Not evaluable", "On treatment")
    note = "Patients count at the level assigned, whatever level they got later."
    beside = Counter(p.cohort for p in state.patients.values() if p.cohort and p.first_dose)
    if beside:
        note += f" Treated in expansion cohorts, and not counted here: {', '.join(f'{n} in {cohort}' for cohort, n in beside.items())}."
    return Table("patients_by_level", "Patients by dose level", columns, tuple(rows), note)


def _dlt_events(state: State, count: Count) -> list[Event]:
    found = [t for p in count.patients for t in state.patients[p].toxicities if t.is_dlt]
    return [event for toxicity in found for event in toxicity.sources]


def patients(courses: Sequence[Course]) -> Table:
    """List the patients."""
    rows = []
    for c in courses:
        p = c.patient
        screening, history, dose = p.last(Screened), p.last(PriorTherapy), p.treatments
        last = [e for e in dose if isinstance(e.fact, Dosed)][-1:]
        rows.append(
            (
                plain(c.id),
                cite(c.tumour, [screening], "tumour_type", "histology"),
                cite(p.screening.sex if p.screening else None, [screening], "sex"),
                cite(p.screening.age if p.screening else None, [screening], "age"),
                cite(p.history.regimens if p.history else None, [history], "regimens"),
                cite(c.dose, [p.enrolment], "level"),
                cite(_level(last), last, "level"),
                cite(len(dose), dose),
                cite(dose[0].occurred, dose[:1]),
                cite(treatment(p), [p.off_treatment or dose[-1]]),
            )
        )
    columns = (
        "Patient",
        "Tumour",
        "Sex",
        "Age",
        "Prior regimens",
        "Assigned",
        "Last level",
        "Doses",
        "First dose",
        "Treatment",
    )
    return Table("patients", "Patients", columns, tuple(rows))


def _level(last: Sequence[Event]) -> int | None:
    return next((e.fact.level for e in last if isinstance(e.fact, Dosed)), None)


def decisions(state: State, protocol: Protocol) -> Table:
    """List the committee's decisions, each beside the rule's advice."""
    rows = []
    for decided in state.trial.decisions:
        fact, advice = decided.fact, decided.fact.advice or {}
        at = f" level {fact.level}, {protocol.dose.dose_label(fact.level)}" if fact.level else ""
        rule = (
            f"{advice.get('action', '')} level {advice['level']}"
            if advice.get("level")
            else str(advice.get("action", ""))
        )
        signed = "; ".join(f"{s.fact.name}, {s.occurred}" for s in decided.signatures)  # type: ignore[attr-defined]
        sources = [decided.event, *decided.signatures]
        rows.append(
            (
                cite(fact.number, [decided.event]),
                cite(decided.event.occurred, [decided.event], "occurred"),
                cite(
                    f"{fact.action}{at}" + (f", {fact.slots} patients" if fact.slots else ""),
                    [decided.event],
                    "action",
                    "level",
                ),
                cite(f"{rule}: {advice.get('why', '')}", [decided.event], "advice"),
                cite("departs from the rule" if fact.departs else "as the rule", [decided.event], "departs"),
                cite(fact.why, [decided.event], "why"),
                cite(fact.protocol_version, [decided.event]),
                cite(signed or "not signed", sources, "name"),
            )
        )
    columns = (
        "No.",
        "Date",
        "Decision",
        "The rule's advice that day",
        "",
        "The committee's reason",
        "Protocol",
        "Signed",
    )
    return Table("decisions", "Dose-escalation decisions", columns, tuple(rows))


def dlts(courses: Sequence[Course], protocol: Protocol) -> Table:
    """List the dose-limiting toxicities."""
    rows = []
    for c in courses:
        for t in c.patient.toxicities:
            if not t.is_dlt:
                continue
            resolved = t.resolved
            rows.append(
                (
                    plain(c.id),
                    cite(c.dose, [c.patient.enrolment], "level"),
                    cite(t.fact.term, [t.event], "term"),
                    cite(t.fact.grade, [t.event], "grade"),
                    cite(c.patient.study_day(t.event.occurred), [t.event], "occurred"),
                    cite(
                        f"resolved {resolved.occurred}" if resolved else "not resolved",
                        [resolved or t.event],
                        "outcome",
                    ),
                    cite(_judgement(t), [t.adjudicated], "dlt"),
                )
            )
    columns = ("Patient", "Assigned", "Term", "Grade", "Study day", "Outcome", "Judged")
    note = f"Window: days 1 to {protocol.dlt.window_days}."
    return Table("dlts", "Dose-limiting toxicities", columns, tuple(rows), note)


def _judgement(toxicity: Toxicity) -> str:
    judged = toxicity.adjudicated
    return f"{judged.fact.why} ({judged.occurred})" if judged else ""  # type: ignore[attr-defined]


def adverse_events(courses: Sequence[Course], protocol: Protocol) -> Table:
    """Count patients by term, dose assigned and worst grade: a patient once a term, at the worst grade."""
    worst: dict[tuple[str, str], dict[str, Toxicity]] = defaultdict(dict)
    for c in courses:
        for t in c.patient.toxicities:
            first = c.patient.first_dose
            if first is None or t.event.occurred < first.occurred:
                continue
            at = worst[t.fact.term, c.dose]
            if c.id not in at or t.fact.grade > at[c.id].fact.grade:
                at[c.id] = t
    order = {c.dose: c.level or 99 for c in courses}
    rows = []
    for (term, dose), at in sorted(worst.items(), key=lambda item: (item[0][0], order[item[0][1]])):
        grades = [[t.event for t in at.values() if t.fact.grade == grade] for grade in range(1, 6)]
        related = [t.event for t in at.values() if t.fact.related]
        total = [t.event for t in at.values()]
        rows.append(
            (
                cite(term, total, "term"),
                plain(dose),
                *(cite(len(g), g or total, "grade") for g in grades),
                cite(len(total), total, "term"),
                cite(len(related), related or total, "related"),
            )
        )
    columns = ("Term", "Dose assigned", "Grade 1", "Grade 2", "Grade 3", "Grade 4", "Grade 5", "Any grade", "Related")
    note = "Patients with an event on or after the first dose, once a term, at the worst grade (CTCAE)."
    return Table("adverse_events", "Adverse events by grade and dose", columns, tuple(rows), note)


def late_onset(courses: Sequence[Course], protocol: Protocol) -> Table:
    """Count events by cycle of onset: what the DLT window saw, and what came after it."""
    cycle = protocol.schedule.cycle_days
    onsets: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for c in courses:
        for t in c.patient.toxicities:
            day = c.patient.study_day(t.event.occurred)
            if day is None or day < 1:
                continue
            number = (day - 1) // cycle + 1
            onsets[t.fact.term][str(number) if number <= 3 else "4+"].append(t.event)
    names = ("1", "2", "3", "4+")
    rows = tuple(
        (
            cite(term, [e for es in at.values() for e in es], "term"),
            *(cite(len(at[name]), at[name] or [e for es in at.values() for e in es]) for name in names),
        )
        for term, at in sorted(onsets.items())
    )
    columns = ("Term", *(f"Onset in cycle {name}" for name in names))
    note = f"Cycles of {cycle} days from the first dose; the DLT window is {protocol.dlt.window_days} days."
    return Table("onset_by_cycle", "Adverse events by cycle of onset", columns, rows, note)


def expression(courses: Sequence[Course]) -> Table:
    """List the target's expression."""
    rows = []
    for c in courses:
        event = c.patient.last(TargetScored)
        if event is None or not isinstance(event.fact, TargetScored):
            continue
        score = event.fact
        rows.append(
            (
                plain(c.id),
                cite(c.tumour, [c.patient.last(Screened)], "tumour_type", "histology"),
                cite(score.intensity, [event], "intensity"),
                cite(score.percent_2plus, [event], "percent_2plus"),
                cite(score.pattern, [event], "pattern"),
                cite(score.assay, [event], "assay"),
            )
        )
    columns = ("Patient", "Tumour", "Intensity (0–3)", "% cells ≥ 2+", "Pattern", "Assay")
    return Table("target_expression", "Target expression (IHC)", columns, tuple(rows))


def responses(courses: Sequence[Course]) -> Table:
    """List the best overall responses, computed from the lesions."""
    rows = []
    for c in courses:
        r = c.response
        weeks = None if r.stable_days is None else f"{r.stable_days / 7:.1f}" + ("+" if r.stable_ongoing else "")
        change = None if r.best_change is None else f"{r.best_change:+.1f}"
        post = [e for s in c.scans for e in s.sources]
        marks = cite(r.text, r.sources or [c.patient.first_dose])
        rows.append(
            (
                plain(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(c.tumour, [c.patient.last(Screened)], "tumour_type", "histology"),
                marks,
                cite(r.on, r.sources),
                cite(r.confirmed_on, r.sources),
                cite(r.progression, r.sources),
                cite(change, post),
                cite(weeks, [*r.sources, c.patient.first_dose] if weeks else ()),
            )
        )
    columns = (
        "Patient",
        "Assigned",
        "Tumour",
        "Best overall response",
        "First seen",
        "Confirmed",
        "Progression",
        "Best change (%)",
        "SD from first dose (weeks)",
    )
    note = "RECIST 1.1, computed from the lesions. SD runs from the first dose to progression; + goes on at the last assessment."
    return Table("responses", "Response", columns, tuple(rows), note)


def markers(courses: Sequence[Course]) -> Table:
    """List the CA-125 responses, computed from the samples."""
    rows = []
    for c in courses:
        m = c.marker
        if m is None:
            continue
        fall = None if m.largest_fall is None else f"{m.largest_fall:.0f}" if m.largest_fall > 0 else "no fall"
        rows.append(
            (
                plain(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(len(m.samples), m.sources),
                cite(m.response, m.sources),
                cite(m.on, m.sources),
                cite(m.confirmed_on, m.sources),
                cite(fall, m.sources),
                cite(m.why, m.sources),
            )
        )
    columns = (
        "Patient",
        "Assigned",
        "Samples",
        "CA-125 response",
        "Response from",
        "Confirmed",
        "Largest fall (%)",
        "Why",
    )
    return Table(
        "ca125", "CA-125 response (GCIG)", columns, tuple(rows), "Computed from the samples by the GCIG criteria."
    )
