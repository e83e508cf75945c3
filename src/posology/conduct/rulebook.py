"""Which rules stand before which kind of event, what they refuse, and what a change leaves broken."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache

from posology.conduct import decision_rules as d
from posology.conduct import patient_rules as p
from posology.conduct import people_rules as w
from posology.conduct import review_rules as q
from posology.conduct import rules as r
from posology.conduct.rules import ABSOLUTE, READS, READS_LATE, ConductRule, EventRequest
from posology.record import facts as f
from posology.record.binding import is_fatal
from posology.record.entry import EntryError
from posology.record.event import Event
from posology.record.fact import KINDS, Fact
from posology.record.people import AccessGranted, AccessWithdrawn, SiteClosed, SiteReleased
from posology.record.review import CourseEndorsed, EventReviewed, QueryAnswered, QueryClosed, QueryRaised
from posology.record.state import State
from posology.shared.text import first_paragraph

RULES_FOR_ALL: tuple[ConductRule, ...] = (
    r.not_in_the_future,
    r.not_before_the_trial,
    r.consent_first,
    r.none_after_death,
    w.author_has_the_right,
)

VOIDING_RULES: tuple[ConductRule, ...] = (w.author_has_the_right,)
"""The rules that stand before voiding an event."""

SLOT_RULES: tuple[ConductRule, ...] = (
    r.enrolled_once,
    r.level_or_cohort,
    r.eligible,
    r.level_not_too_toxic,
    r.cohort_goes_on,
)

RULES: dict[type[Fact], tuple[ConductRule, ...]] = {
    f.Consented: (r.consent_once, r.consent_near_the_trial, w.site_is_released),
    f.CriterionAttested: (r.criterion_exists,),
    f.SlotReserved: (*SLOT_RULES, r.level_is_open, r.slot_is_free, r.first_in_the_queue),
    f.SlotReleased: (r.slot_to_release,),
    f.Enrolled: (*SLOT_RULES, r.slot_is_reserved),
    f.Dosed: (
        p.dose_level_exists,
        p.enrolled_before_dosing,
        p.on_treatment,
        p.not_above_the_open_level,
        p.at_the_assigned_level,
        p.dose_as_planned,
        p.planned_dose_holds,
        p.weight_is_plausible,
        p.doses_in_order,
        r.level_not_too_toxic,
    ),
    f.DoseReduced: (p.on_treatment, p.to_a_defined_lower_level, p.reductions_left),
    f.DoseDelayed: (p.enrolled_before_dosing, p.on_treatment, p.delay_allowed),
    f.AdverseEvent: (p.ae_number_is_unique, p.term_is_a_name),
    f.AdverseEventResolved: (p.ae_number_is_known, p.resolved_once),
    f.DltAdjudicated: (p.ae_number_is_known, p.judged_once, p.judged_by_the_definition),
    f.LesionMeasured: (
        p.lesion_measured_once,
        p.lesion_keeps_its_role,
        p.lesion_has_value,
        p.baseline_before_treatment,
        p.assessments_in_order,
    ),
    f.TumourAssessed: (p.assessed_once, p.baseline_before_treatment, p.assessments_in_order),
    f.MarkerMeasured: (p.marker_measured_once,),
    f.Discontinued: (p.enrolled_before_discontinuation, p.discontinued_once),
    f.Died: (p.discontinued_once,),
    f.DecisionTaken: (
        d.level_exists,
        d.cohort_exists,
        d.decisions_in_order,
        d.dose_finding_goes_on,
        d.action_fits_level,
        d.level_not_closed,
        d.slots_given,
        d.cohort_is_evaluable,
        d.no_higher_than_advised,
        d.level_opened_is_safe,
        d.backfill_as_advised,
        d.slots_as_advised,
    ),
    f.DecisionSigned: (
        d.decision_exists,
        d.signed_by_its_author,
        d.signature_stands,
        d.meaning_is_known,
        d.role_may_sign,
        d.not_rejected_in_force,
    ),
    f.ProtocolAmended: (d.amendment_in_order, d.amendment_is_valid, d.amendment_rests_on_its_version),
    f.CutoffLocked: (d.cutoff_is_past,),
    QueryRaised: (q.event_is_in_effect,),
    QueryAnswered: (q.query_is_open,),
    QueryClosed: (q.query_is_open,),
    EventReviewed: (q.event_is_in_effect,),
    CourseEndorsed: (q.queries_are_closed,),
    SiteReleased: (w.site_fits,),
    SiteClosed: (w.site_fits,),
    AccessGranted: (w.site_is_known, w.an_administrator_stays),
    AccessWithdrawn: (w.right_to_withdraw, w.an_administrator_stays),
}

SLOT_KINDS = (f.SlotReserved, f.SlotReleased, f.Enrolled)
"""Events of one patient that others' slots rest on."""

RENAMED = {
    "place-is-free": "slot-is-free",
    "place-is-kept": "slot-is-reserved",
    "place-to-release": "slot-to-release",
    "leaves-once": "discontinued-once",
    "treated-to-leave": "enrolled-before-discontinuation",
    "lesion-says-something": "lesion-has-value",
    "event-number-is-new": "ae-number-is-unique",
    "event-number-is-known": "ae-number-is-known",
}
"""Names of rules in overrides of older records."""


TOLD_APART = "patient-told-apart"
"""The name of the rule of identifiers, which is not a function of a request."""


@dataclass(frozen=True)
class Refusal:
    """A rule that forbids what was asked, and the fact that breaks it; ``event`` is the number of the event it breaks
    for."""

    rule: str
    text: str
    fact: str
    event: int | None = None
    absolute: bool = False

    def __str__(self) -> str:
        of = f"event {self.event} would no longer hold: " if self.event is not None else ""
        return f"{self.rule}: {of}{self.fact} (rule: {self.text})"


def name_of(rule: ConductRule) -> str:
    """Return the name of a rule."""
    return rule.__name__.replace("_", "-")


@cache
def rule_names() -> tuple[str, ...]:
    """Return the names of all rules."""
    rules = (*RULES_FOR_ALL, *(rule for rules in RULES.values() for rule in rules))
    return tuple(sorted({TOLD_APART, *map(name_of, rules)}))


@dataclass(frozen=True)
class SetAside:
    """The rules that an entry sets aside, and why."""

    rules: frozenset[str]
    why: str


@lru_cache(maxsize=256)
def read_override(text: str) -> SetAside:
    """Read which rules an entry sets aside, by name, and why.

    Raises
    ------
    EntryError
        if no rule is named, or one that does not exist, or no reason is given.

    Examples
    --------
    >>> read_override("slot-is-free: the sponsor agreed on 3 June")
    SetAside(rules=frozenset({'slot-is-free'}), why='the sponsor agreed on 3 June')
    """
    names, colon, why = text.partition(":")
    rules = [name.strip() for name in names.split(",")]
    right = "name the rules it sets aside, and why: 'slot-is-free, eligible: the sponsor agreed'"
    unknown = [name for name in rules if name not in rule_names()]
    if not colon or (len(unknown) == len(rules) and not any("-" in name for name in rules)):
        raise EntryError([f"override is {text!r}: {right}"])
    if unknown:
        near = difflib.get_close_matches(unknown[0], rule_names(), n=1)
        raise EntryError([f"override names no rule by {unknown[0]!r}" + (f": did you mean {near[0]}?" if near else "")])
    if not any(character.isalnum() for character in why):
        raise EntryError([f"override is {text!r}: say why after the names of the rules"])
    return SetAside(frozenset(rules), why.strip())


def refusals(request: EventRequest, only: Iterable[ConductRule] | None = None) -> list[Refusal]:
    """Return every rule that forbids what is asked; of ``only`` some rules, if they are given."""
    found = []
    for rule in (*RULES_FOR_ALL, *RULES.get(type(request.fact), ())) if only is None else only:
        fact = rule(request)
        if fact is not None:
            text = first_paragraph(rule.__doc__).rstrip(".")
            event = request.event.seq if request.event else None
            found.append(Refusal(name_of(rule), text, fact, event, rule in ABSOLUTE and request.event is None))
    return found


# What rests on something ----------------------------------------------------------------------------------------------


@cache
def _resting_on(kind: str, changed: str, late: bool) -> tuple[ConductRule, ...]:
    """Return the rules of a kind of event that another kind can break: by being entered ``late``, or by being
    changed."""
    table = READS_LATE if late else READS
    return tuple(
        rule for rule in (*RULES_FOR_ALL, *RULES.get(KINDS[kind], ())) if KINDS[changed] in table.get(rule, ())
    )


def may_break(state: State, new: Event, old: Event | None) -> bool:
    """Whether a change may break a rule for an event of the record: what is new and the last to happen breaks none."""
    if old is not None or isinstance(new.fact, SLOT_KINDS):
        return True
    if new.patient is None:
        return not _is_last(state, new)
    own = state.patients.get(new.patient)
    return own is not None and own.events[-1].occurred > new.occurred


def broken_by(before: State, after: State, new: Event, old: Event | None) -> list[Refusal]:
    """Return the rules that a change breaks for other events of the record, and that held before it.

    Parameters
    ----------
    before, after
        the state without and with the change.
    new, old
        the event that was entered, and the one it corrects or voids (None: a new event).
    """
    found = []
    for event, rules in _asked_again(before, after, new, old):
        aside = set(event.override.rules) if event.override else set()
        aside |= {RENAMED[name] for name in aside & set(RENAMED)}
        for refusal in refusals(EventRequest.again(after, event), rules):
            if refusal.rule in aside:
                continue
            rule = next(rule for rule in rules if name_of(rule) == refusal.rule)
            if not refusals(EventRequest.again(before, event), [rule]):
                found.append(refusal)
    return found


def _asked_again(
    before: State, after: State, new: Event, old: Event | None
) -> Iterator[tuple[Event, tuple[ConductRule, ...]]]:
    """Yield the events that a change may break, with the rules to ask again."""
    changed = [e for e in (new, old) if e is not None]
    kinds = tuple(dict.fromkeys(e.kind for e in changed if not isinstance(e.fact, f.Voided)))
    fatal, late = any(is_fatal(e) for e in changed), old is None
    since = min(_reaches_back_to(state, e) for e, state in ((new, after), (old, before)) if e)
    for event in _in_reach(after, new, old, since):
        if event.seq != new.seq:
            of_another = new.patient is not None and event.patient != new.patient
            rules = _to_ask(event.kind, kinds, late=late, fatal=fatal, of_another=of_another)
            if rules:
                yield event, rules


@cache
def _to_ask(
    kind: str, changed: tuple[str, ...], *, late: bool, fatal: bool, of_another: bool
) -> tuple[ConductRule, ...]:
    """Return the rules to ask an event of a kind again after events of some kinds changed, one of them fatal or not, of
    the same patient or ``of_another``."""
    rules = dict.fromkeys(rule for each in changed for rule in _resting_on(kind, each, late))
    return tuple(
        rule
        for rule in rules
        if (fatal or rule is not r.none_after_death) and (not of_another or rule in r.READS_OTHERS)
    )


def _in_reach(after: State, new: Event, old: Event | None, since: tuple[date, int]) -> Iterator[Event]:
    """Yield the events that might rest on the change: the patient's own; of the trial and of others, what came
    later."""
    if new.patient is None:
        if old is None and _is_last(after, new):
            return
        yield from (e for e in after.trial.events if after.order(e) >= since)
        for patient in after.patients.values():
            yield from (e for e in patient.events if after.order(e) >= since)
        return
    own = after.patients.get(new.patient)
    if own is not None and (old is not None or own.events[-1].seq != new.seq):
        yield from own.events
    if isinstance((old or new).fact, SLOT_KINDS):
        day = since[0]
        for patient in after.patients.values():
            if patient.id != new.patient and patient.events[-1].occurred >= day:
                slots = (e for kind in SLOT_KINDS for e in patient.of(kind))
                yield from (e for e in slots if after.order(e) >= since)


def _reaches_back_to(state: State, event: Event) -> tuple[date, int]:
    """Return from when on an event counts: a version of the protocol holds the whole of its first day."""
    day, entered = state.order(event)
    return day, 0 if isinstance(event.fact, f.ProtocolAmended) else entered


def _is_last(state: State, event: Event) -> bool:
    """Whether nothing in the record happened after an event; of a version of the protocol, nothing on its first day."""
    day, whole = event.occurred, isinstance(event.fact, f.ProtocolAmended)
    lines = (state.trial, *state.patients.values())
    last = (e for line in lines for e in line.events[-2 if whole else -1 :] if e.seq != event.seq)
    return all(e.occurred < day if whole else e.occurred <= day for e in last)


def broken_rules(state: State) -> list[Refusal]:
    """Return every rule that does not hold for an event of the record, but those set aside by name.

    Rules that ask what was known when the event was entered are left out: they were asked then.
    """
    found = []
    for timeline in (state.trial, *state.patients.values()):
        for event in timeline.events:
            rules = [rule for rule in (*RULES_FOR_ALL, *RULES.get(type(event.fact), ())) if rule in READS]
            aside = set(event.override.rules) if event.override else set()
            aside |= {RENAMED[name] for name in aside & set(RENAMED)}
            found += [x for x in refusals(EventRequest.again(state, event), rules) if x.rule not in aside]
    return found
