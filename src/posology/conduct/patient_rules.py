"""The rules of conduct for a patient on treatment: doses, toxicity, lesions, leaving."""

from __future__ import annotations

from posology.conduct.rules import Asked
from posology.record import facts as f
from posology.record.state import Toxicity

# Doses ----------------------------------------------------------------------------------------------------------------


def enrolled_before_dosing(asked: Asked) -> str | None:
    """Only an enrolled patient is treated."""
    place = asked.patient.enrolment
    if place is None:
        return f"{asked.patient_id} is not enrolled"
    if asked.occurred < place.occurred:
        return f"{asked.patient_id} was enrolled on {place.occurred} (event {place.seq}), after {asked.occurred}"
    return None


def on_treatment(asked: Asked) -> str | None:
    """Nothing is given or changed once a patient has left treatment."""
    end = asked.patient.off_treatment
    if end is None or asked.occurred < end.occurred:
        return None
    return f"{asked.patient_id} left treatment on {end.occurred} (event {end.seq})"


def not_above_the_open_level(asked: Asked) -> str | None:
    """No dose above the highest level that is open."""
    highest = asked.opening.highest
    if asked.fact.level <= highest:
        return None
    why = (
        f"closed by {asked.opening.because()}"
        if asked.opening.ceiling < asked.fact.level
        else "not opened by any decision"
    )
    return f"level {asked.fact.level} is {why}; the highest open level is {highest}"


def at_the_assigned_level(asked: Asked) -> str | None:
    """A patient gets the level assigned, or the one it was reduced to."""
    level = asked.patient.current_level
    if level is None or asked.fact.level == level:
        return None
    reduced = asked.patient.last(f.DoseReduced)
    how = f"reduced to on {reduced.occurred} (event {reduced.seq})" if reduced else "assigned"
    return f"{asked.patient_id} is at level {level}, {how}; level {asked.fact.level} was asked for"


def dose_as_planned(asked: Asked) -> str | None:
    """The dose given is the planned one, within the protocol's tolerance."""
    planned, actual = asked.fact.planned_mg, asked.fact.actual_mg
    tolerance = asked.plan.protocol.dose.tolerance_percent
    if planned is None:
        return f"the planned dose cannot be computed: {asked.plan.protocol.dose.body_size} needs the patient's height and sex"
    if abs(actual - planned) <= planned * tolerance / 100 + 1e-9:
        return None
    return f"{actual:g} mg was given, {planned:g} mg planned: {100 * (actual / planned - 1):+.1f} %, more than {tolerance:g} %"


def doses_in_order(asked: Asked) -> str | None:
    """Each dose has a cycle and day of its own, follows the one before, and is not given early."""
    schedule = asked.plan.protocol.schedule
    if asked.fact.day not in schedule.dosing_days:
        return f"day {asked.fact.day} is no dosing day; the protocol doses on day {', '.join(map(str, schedule.dosing_days))}"
    given = [(e, e.fact) for e in asked.patient.doses if isinstance(e.fact, f.Dosed)]
    for event, dose in given:
        if (dose.cycle, dose.day) == (asked.fact.cycle, asked.fact.day):
            return f"cycle {dose.cycle} day {dose.day} was given on {event.occurred} (event {event.seq})"
    before = [(e, d) for e, d in given if (d.cycle, d.day) < (asked.fact.cycle, asked.fact.day)]
    if not before:
        return f"the first dose is cycle 1, not {asked.fact.cycle}" if asked.fact.cycle != 1 and not given else None
    event, dose = before[-1]
    if asked.fact.cycle > dose.cycle + 1:
        return f"cycle {dose.cycle} was the last one given; cycle {asked.fact.cycle} skips one"
    due = (asked.fact.cycle - dose.cycle) * schedule.cycle_days + asked.fact.day - dose.day
    if (asked.occurred - event.occurred).days < due - schedule.window_days:
        return (
            f"cycle {dose.cycle} day {dose.day} was given on {event.occurred}; this dose is due {due} days later "
            f"(at most {schedule.window_days} days early), not {(asked.occurred - event.occurred).days}"
        )
    return None


def to_a_defined_lower_level(asked: Asked) -> str | None:
    """A dose is reduced only to a defined lower level."""
    level = asked.patient.current_level
    if level is None:
        return f"{asked.patient_id} has no dose level"
    return (
        None
        if asked.fact.to_level < level
        else f"{asked.patient_id} is at level {level}; {asked.fact.to_level} is not lower"
    )


def reductions_left(asked: Asked) -> str | None:
    """No more dose reductions than the protocol allows."""
    done, allowed = len(asked.patient.of(f.DoseReduced)), asked.plan.protocol.modification.maximum_reductions
    return f"{done} reductions were made; the protocol allows {allowed}" if done >= allowed else None


def delay_allowed(asked: Asked) -> str | None:
    """A dose is not delayed longer than the protocol allows."""
    allowed = asked.plan.protocol.modification.maximum_delay_days
    return (
        f"{asked.fact.days} days were asked for; the protocol allows {allowed}" if asked.fact.days > allowed else None
    )


# Toxicity -------------------------------------------------------------------------------------------------------------


def _named(asked: Asked) -> Toxicity | None:
    return next((t for t in asked.patient.toxicities if t.fact.ae == asked.fact.ae), None)


def event_number_is_new(asked: Asked) -> str | None:
    """Each adverse event of a patient has a number of its own."""
    for event in asked.patient.of(f.AdverseEvent):
        if event.fact.ae == asked.fact.ae:  # type: ignore[attr-defined]
            term = event.fact.term  # type: ignore[attr-defined]
            return (
                f"adverse event {asked.fact.ae} of {asked.patient_id} is {term} (event {event.seq}): correct that one"
            )
    return None


def event_number_is_known(asked: Asked) -> str | None:
    """Only an adverse event that is recorded can be resolved or judged, and not before its onset."""
    known = _named(asked)
    if known is None:
        numbers = ", ".join(t.fact.ae for t in asked.patient.toxicities) or "none"
        return f"{asked.patient_id} has no adverse event {asked.fact.ae}; recorded: {numbers}"
    if asked.occurred < known.event.occurred:
        return f"its onset was on {known.event.occurred} (event {known.event.seq}), after {asked.occurred}"
    return None


def resolved_once(asked: Asked) -> str | None:
    """An adverse event ends once."""
    known = _named(asked)
    return f"it ended on {known.resolved.occurred} (event {known.resolved.seq})" if known and known.resolved else None


def judged_once(asked: Asked) -> str | None:
    """An adverse event is judged once; a new judgement corrects the old."""
    known = _named(asked)
    if known and known.adjudicated:
        return f"it was judged on {known.adjudicated.occurred} (event {known.adjudicated.seq})"
    return None


def judged_by_the_definition(asked: Asked) -> str | None:
    """What is judged a DLT meets the protocol's definition, and what is judged none does not."""
    known = _named(asked)
    if known is None:
        return None
    meets, why = asked.plan.meets_definition(asked.patient, known, asked.occurred)
    if meets is None or meets == asked.fact.dlt:
        return None
    return f"by the definition it is {'' if meets else 'not '}a DLT: {why}"


# Activity -------------------------------------------------------------------------------------------------------------


def lesion_measured_once(asked: Asked) -> str | None:
    """Each lesion is recorded once an assessment."""
    lesion, assessment = asked.fact.lesion, asked.fact.assessment
    for event in asked.patient.of(f.LesionMeasured):
        if event.fact.assessment == assessment and event.fact.lesion == lesion:  # type: ignore[attr-defined]
            return f"lesion {lesion} at assessment {assessment} is event {event.seq}: correct that one"
    return None


def lesion_keeps_its_role(asked: Asked) -> str | None:
    """A lesion keeps its role, organ and kind; target and non-target lesions begin at the baseline, new ones after it."""
    fact: f.LesionMeasured = asked.fact
    if fact.role == "new" and fact.assessment == 0:
        return f"lesion {fact.lesion} is new at the baseline"
    for event in asked.patient.of(f.LesionMeasured):
        known = event.fact
        assert isinstance(known, f.LesionMeasured)
        if known.lesion == fact.lesion:
            if (known.role, known.organ, known.nodal) == (fact.role, fact.organ, fact.nodal):
                return None
            node = " node" if known.nodal else ""
            return f"lesion {fact.lesion} is a {known.role} lesion, {known.organ}{node} (event {event.seq})"
    if fact.role != "new" and fact.assessment > 0:
        return (
            f"lesion {fact.lesion} is not in the baseline: a lesion seen first at assessment {fact.assessment} is new"
        )
    return None


def lesion_says_something(asked: Asked) -> str | None:
    """A target lesion has a diameter or the reason why not; the others have a status."""
    fact: f.LesionMeasured = asked.fact
    if fact.role == "target":
        if fact.diameter_mm is None and fact.status not in ("absent", "too small to measure", "not evaluable"):
            return f"target lesion {fact.lesion} has neither a diameter nor a status absent, too small to measure or not evaluable"
        if fact.diameter_mm is not None and fact.status in ("absent", "not evaluable"):
            return f"target lesion {fact.lesion} is {fact.status} and measures {fact.diameter_mm:g} mm"
        return None
    return None if fact.status else f"{fact.role} lesion {fact.lesion} has no status"


def baseline_before_treatment(asked: Asked) -> str | None:
    """The baseline is assessed before the first dose, later assessments after it."""
    first = asked.patient.first_dose
    if first is None:
        return (
            None if asked.fact.assessment == 0 else f"{asked.patient_id} has not been treated: only assessment 0 fits"
        )
    if asked.fact.assessment == 0 and asked.occurred > first.occurred:
        return f"the first dose was given on {first.occurred} (event {first.seq}), before this baseline"
    if asked.fact.assessment > 0 and asked.occurred <= first.occurred:
        return f"the first dose was given on {first.occurred} (event {first.seq}), not before assessment {asked.fact.assessment}"
    return None


def assessments_in_order(asked: Asked) -> str | None:
    """Assessments are numbered in the order of their days."""
    known = asked.patient.of(f.LesionMeasured)
    if known and known[-1].fact.assessment == asked.fact.assessment and known[-1].occurred == asked.occurred:  # type: ignore[attr-defined]
        return None  # one more lesion of the assessment that was the last one entered, in order
    for event in (*known, *asked.patient.of(f.TumourAssessed)):
        number = event.fact.assessment  # type: ignore[attr-defined]
        if number < asked.fact.assessment and event.occurred > asked.occurred:
            return f"assessment {number} is of {event.occurred} (event {event.seq}), after {asked.occurred}"
        if number > asked.fact.assessment and event.occurred < asked.occurred:
            return f"assessment {number} is of {event.occurred} (event {event.seq}), before {asked.occurred}"
    return None


def assessed_once(asked: Asked) -> str | None:
    """The investigator reads an assessment once."""
    for event in asked.patient.of(f.TumourAssessed):
        if event.fact.assessment == asked.fact.assessment:  # type: ignore[attr-defined]
            return f"assessment {asked.fact.assessment} was read (event {event.seq}): correct that one"
    return None


def marker_measured_once(asked: Asked) -> str | None:
    """A marker is recorded once a day."""
    for event in asked.patient.of(f.MarkerMeasured):
        if event.occurred == asked.occurred and event.fact.marker == asked.fact.marker:  # type: ignore[attr-defined]
            return f"{asked.fact.marker} of {asked.occurred} is event {event.seq}: correct that one"
    return None


# Leaving --------------------------------------------------------------------------------------------------------------


def leaves_once(asked: Asked) -> str | None:
    """A patient leaves treatment once, and dies once."""
    known = asked.patient.first(type(asked.fact))
    return f"recorded on {known.occurred} (event {known.seq})" if known else None


def treated_to_leave(asked: Asked) -> str | None:
    """Only an enrolled patient can leave treatment."""
    return None if asked.patient.enrolment else f"{asked.patient_id} was never enrolled"
