"""Which rules stand before which kind of event, and what they refuse."""

from __future__ import annotations

from dataclasses import dataclass

from posology.conduct import patient_rules as p
from posology.conduct import rules as r
from posology.conduct.rules import ConductRule, EventRequest
from posology.record import facts as f

RULES_FOR_ALL: tuple[ConductRule, ...] = (
    r.not_in_the_future,
    r.not_before_the_trial,
    r.consent_first,
    r.none_after_death,
)

SLOT_RULES: tuple[ConductRule, ...] = (r.enrolled_once, r.level_or_cohort)

RULES: dict[type[f.Fact], tuple[ConductRule, ...]] = {
    f.Consented: (r.consent_once,),
    f.CriterionAttested: (r.criterion_exists,),
    f.SlotReserved: (*SLOT_RULES, r.eligible, r.level_is_open, r.slot_is_free),
    f.SlotReleased: (r.slot_to_release,),
    f.Enrolled: (*SLOT_RULES, r.eligible, r.slot_is_reserved),
    f.Dosed: (
        p.enrolled_before_dosing,
        p.on_treatment,
        p.not_above_the_open_level,
        p.at_the_assigned_level,
        p.dose_as_planned,
        p.doses_in_order,
    ),
    f.DoseReduced: (p.on_treatment, p.to_a_defined_lower_level, p.reductions_left),
    f.DoseDelayed: (p.enrolled_before_dosing, p.on_treatment, p.delay_allowed),
    f.AdverseEvent: (p.ae_number_is_unique,),
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
        r.decisions_in_order,
        r.level_exists,
        r.action_fits_level,
        r.level_not_closed,
        r.slots_given,
        r.cohort_is_evaluable,
        r.no_higher_than_advised,
    ),
    f.DecisionSigned: (r.decision_exists,),
    f.ProtocolAmended: (r.amendment_in_order,),
    f.CutoffLocked: (r.cutoff_is_past,),
}


@dataclass(frozen=True)
class Refusal:
    """A rule that forbids what was asked, and the fact that breaks it."""

    rule: str
    text: str
    fact: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.fact} (rule: {self.text})"


def refusals(request: EventRequest) -> list[Refusal]:
    """Return every rule that forbids what is request."""
    found = []
    for rule in (*RULES_FOR_ALL, *RULES.get(type(request.fact), ())):
        fact = rule(request)
        if fact is not None:
            text = (rule.__doc__ or "").strip().splitlines()[0].rstrip(".")
            found.append(Refusal(rule.__name__.replace("_", "-"), text, fact))
    return found
