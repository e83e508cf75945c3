"""The statistical section of a protocol in words: a design with the parameters chosen, and its references."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from posology.designs import backfill, modifiers
from posology.designs import committee_table as agreed
from posology.designs import gboin as graded
from posology.designs.a_plus_b import APlusB
from posology.designs.blrm import Blrm
from posology.designs.boin import Boin, Iboin
from posology.designs.cohort_design import CohortDesign
from posology.designs.crm import Crm
from posology.designs.ewoc import Ewoc
from posology.designs.interval import IntervalDesign
from posology.designs.model_based import ModelBasedDesign
from posology.designs.modifiers.titration import Titration
from posology.designs.tally import Design, level_number
from posology.designs.three_plus_three import ThreePlusThree
from posology.designs.time_to_event import RollingSix, TiteBoin, TiteCrm
from posology.designs.tpi import I3plus3, Keyboard, Mtpi, Mtpi2, Tpi
from posology.shared.text import first_paragraph

STORER = "Storer BE. Design and analysis of phase I clinical trials. Biometrics 1989;45:925-937."
LIN = (
    "Lin Y, Shih WJ. Statistical properties of the traditional algorithm-based designs for phase I cancer clinical"
    " trials. Biostatistics 2001;2:203-215."
)
SIMON = (
    "Simon R, Freidlin B, Rubinstein L, et al. Accelerated titration designs for phase I clinical trials in oncology. J"
    " Natl Cancer Inst 1997;89:1138-1147."
)
SKOLNIK = (
    "Skolnik JM, Barrett JS, Jayaraman B, Patel D, Adamson PC. Shortening the timeline of pediatric phase I trials: the"
    " rolling six design. J Clin Oncol 2008;26:190-195."
)
LIU_YUAN = (
    "Liu S, Yuan Y. Bayesian optimal interval designs for phase I clinical trials. J R Stat Soc C 2015;64:507-523."
)
ZHOU = (
    "Zhou Y, Lee JJ, Wang S, Bailey S, Yuan Y. Incorporating historical information to improve phase I clinical trials."
    " Pharm Stat 2021;20:1017-1034."
)
MU = (
    "Mu R, Yuan Y, Xu J, Mandrekar SJ, Yin J. gBOIN: a unified model-assisted phase I trial design accounting for"
    " toxicity grades, and binary or continuous end points. J R Stat Soc C 2019;68:289-308."
)
YUAN_TITE = (
    "Yuan Y, Lin R, Li D, Nie L, Warren KE. Time-to-event Bayesian optimal interval design to accelerate phase I"
    " trials. Clin Cancer Res 2018;24:4921-4930."
)
ZHAO = (
    "Zhao Y, Yuan Y, Korn EL, Freidlin B. Backfilling patients in phase I dose-escalation trials using Bayesian optimal"
    " interval design (BOIN). Clin Cancer Res 2024;30:673-679."
)
JI_TPI = (
    "Ji Y, Li Y, Bekele BN. Dose-finding in phase I clinical trials based on toxicity probability intervals. Clin"
    " Trials 2007;4:235-244."
)
JI_MTPI = (
    "Ji Y, Liu P, Li Y, Bekele BN. A modified toxicity probability interval method for dose-finding trials. Clin Trials"
    " 2010;7:653-663."
)
GUO = (
    "Guo W, Wang S-J, Yang S, Lynn H, Ji Y. A Bayesian interval dose-finding design addressing Ockham's razor: mTPI-2."
    " Contemp Clin Trials 2017;58:23-33."
)
YAN = (
    "Yan F, Mandrekar SJ, Yuan Y. Keyboard: a novel Bayesian toxicity probability interval design for phase I clinical"
    " trials. Clin Cancer Res 2017;23:3994-4003."
)
LIU_I3 = "Liu M, Wang S-J, Ji Y. The i3+3 design for phase I clinical trials. J Biopharm Stat 2020;30:294-304."
OQUIGLEY = (
    "O'Quigley J, Pepe M, Fisher L. Continual reassessment method: a practical design for phase 1 clinical trials in"
    " cancer. Biometrics 1990;46:33-48."
)
OQUIGLEY_SHEN = (
    "O'Quigley J, Shen LZ. Continual reassessment method: a likelihood approach. Biometrics 1996;52:673-684."
)
CHEUNG = (
    "Cheung YK, Chappell R. Sequential designs for phase I clinical trials with late-onset toxicities. Biometrics"
    " 2000;56:1177-1182."
)
NEUENSCHWANDER = (
    "Neuenschwander B, Branson M, Gsponer T. Critical aspects of the Bayesian approach to phase I cancer trials. Stat"
    " Med 2008;27:2420-2439."
)
BABB = (
    "Babb J, Rogatko A, Zacks S. Cancer phase I clinical trials: efficient dose escalation with overdose control. Stat"
    " Med 1998;17:1103-1120."
)

Own = tuple[str, str, tuple[str, ...]]
"""Name, rule and references of a design."""


@dataclass(frozen=True)
class DesignDescription:
    """A design in words: its name, paragraphs, and the papers they rest on."""

    name: str
    paragraphs: tuple[str, ...]
    references: tuple[str, ...]


def describe(design: Design) -> DesignDescription:
    """Return a design in words, with all parameters that bear on it.

    Examples
    --------
    >>> described = describe(Boin(levels=5, target=0.3))
    >>> described.name, described.references[0][:7]
    ('BOIN', 'Liu S, ')
    >>> "0.236" in described.paragraphs[0]
    True
    """
    if isinstance(design, Titration):
        behind = describe(design.design)
        words = (
            f"Accelerated titration precedes the design: up to level {design.last_titration_level},"
            f" {_patients(design.cohort)} a level are treated. The titration ends at the first DLT, or"
            f" {_count(design.moderate)} moderate toxicity (grade 2, related to the drug); the cohort at that level is"
            " then filled, and the design below takes over."
        )
        return DesignDescription(
            f"{behind.name} after accelerated titration", (words, *behind.paragraphs), (SIMON, *behind.references)
        )
    if isinstance(design, modifiers.Modifier):
        behind = describe(design.design)
        return DesignDescription(behind.name, (*behind.paragraphs, _rule(design)), behind.references)
    name, words, references = _own(design)
    return DesignDescription(name, (words, *_course(design), *_mtd(design)), references)


@singledispatch
def _own(design: Design) -> Own:
    """Return name, rule and references of a design that nothing goes around: of the entry for its own class, or for the
    nearest it is derived from."""
    return type(design).__name__, first_paragraph(type(design).__doc__), ()


@_own.register
def _(design: backfill.BeBoin) -> Own:
    return "BE-BOIN", f"{_late_boin(design)} {_backfill(design)}", (ZHAO, YUAN_TITE, LIU_YUAN)


@_own.register
def _(design: backfill.BfBoin) -> Own:
    return "BF-BOIN", f"{_boin(design)} {_backfill(design)}", (ZHAO, LIU_YUAN)


@_own.register
def _(design: TiteBoin) -> Own:
    return "TITE-BOIN", _late_boin(design), (YUAN_TITE, LIU_YUAN)


@_own.register
def _(design: graded.GBoin) -> Own:
    kind = "the quasi-binary" if design.score == "quasi-binary" else "the mean"
    words = (
        f"Toxicity is scored from 0 to 1 by its grade; {kind} score at the current level is compared with two"
        f" boundaries about the target score {design.target:g}: the dose goes up where it is at most"
        f" {design.lambda_e:.3f}, down where it is at least {design.lambda_d:.3f}, and stays between."
    )
    return "gBOIN", words, (MU,)


@_own.register
def _(design: Iboin) -> Own:
    guess = ", ".join(f"{q:g}" for q in design.prior)
    worth = ", ".join(map(str, design.prior_sample_size))
    words = (
        f"{_boin(design)} Prior guesses of the DLT rates ({guess}), worth {worth} patients, shift the"
        " boundaries of each level."
    )
    return "iBOIN", words, (ZHOU, LIU_YUAN)


@_own.register
def _(design: Boin) -> Own:
    return "BOIN", _boin(design), (LIU_YUAN,)


@_own.register
def _(design: Keyboard) -> Own:
    words = (
        f"Keys of equal width are laid out from the target key, {_interval(design)}. The key with the highest"
        " posterior probability, under a uniform prior, decides: below the target key the dose goes up, above"
        " it down, and stays in it."
    )
    return "Keyboard", words, (YAN,)


@_own.register
def _(design: Mtpi2) -> Own:
    words = (
        "The range of the DLT rate is parted into intervals as wide as the equivalence interval,"
        f" {_interval(design)}. The interval with the highest unit probability mass, under a uniform prior,"
        " decides: below it the dose goes up, above it down."
    )
    return "mTPI-2", words, (GUO, JI_MTPI)


@_own.register
def _(design: Mtpi) -> Own:
    words = (
        f"The equivalence interval is {_interval(design)}. Of the intervals below, in and above it the one with"
        " the highest unit probability mass, under a uniform prior, decides whether the dose goes up, stays or"
        " goes down."
    )
    return "mTPI", words, (JI_MTPI,)


@_own.register
def _(design: Tpi) -> Own:
    words = (
        f"The equivalence interval runs from {design.k2:g} posterior standard deviations below the target DLT"
        f" rate {design.target:g} to {design.k1:g} above; of the intervals below, in and above it the most"
        " probable decides, under a Beta(0.005, 0.005) prior."
    )
    return "TPI", words, (JI_TPI,)


@_own.register
def _(design: I3plus3) -> Own:
    words = (
        f"The equivalence interval is {_interval(design)}. The dose goes up where the observed DLT rate lies"
        " below it and stays where it lies in it; above it, the dose stays if the rate with one DLT less lay"
        " below the interval, and goes down otherwise."
    )
    return "i3+3", words, (LIU_I3,)


@_own.register
def _(design: agreed.CommitteeTable) -> Own:
    return "the agreed table", "Doses are given by the decision table below, as the committee agreed it.", ()


@_own.register
def _(design: TiteCrm) -> Own:
    weights = "linear in the share followed" if design.weight == "linear" else "adapted to when DLTs came"
    words = f"{_crm(design)} Patients without DLT whose window is open enter the likelihood with weights {weights}."
    return "TITE-CRM", words, (CHEUNG, OQUIGLEY)


@_own.register
def _(design: Crm) -> Own:
    return "CRM", _crm(design), (OQUIGLEY, *((OQUIGLEY_SHEN,) if design.fit == "mle" else ()))


@_own.register
def _(design: Blrm) -> Own:
    return "BLRM", _blrm(design), (NEUENSCHWANDER, BABB)


@_own.register
def _(design: Ewoc) -> Own:
    low, high = design.range
    words = (
        "The DLT rate follows a logistic curve through rho, the rate at the lowest dose, and the MTD, at which"
        f" it is {design.target:g}. The MTD has a Beta({design.mtd_prior[0]:g}, {design.mtd_prior[1]:g}) prior"
        f" over {low:g} to {high:g}, rho a Beta({design.rho_prior[0]:g}, {design.rho_prior[1]:g}) prior over 0"
        f" to {design.target:g}. The next dose is the highest level at which the posterior chance of exceeding"
        f" the MTD is at most {design.overdose:g}."
    )
    return "EWOC", words, (BABB,)


@_own.register
def _(design: RollingSix) -> Own:
    words = (
        "Two to six patients are treated at a level at once, without waiting for the window of each. The dose"
        " goes up when three, four or five patients are known without DLT, or when at most one of six can have"
        " one; with two DLTs the level exceeds the MTD."
    )
    return "rolling six", words, (SKOLNIK,)


@_own.register
def _(design: APlusB) -> Own:
    words = (
        f"Cohorts of {design.a} are treated at a level. With fewer than {design.c} DLTs the dose goes up; with"
        f" {design.c} to {design.d}, {design.b} more are treated; with more than {design.d} the level exceeds"
        f" the MTD. Of all {design.a + design.b} at most {design.e} may have a DLT. The level below an exceeded"
        " one is"
        f" {'filled to ' + str(design.a + design.b) + ' patients before it is' if design.deescalate else ''}"
        " called the MTD."
    )
    return "A+B", words.replace("  ", " "), (LIN,)


@_own.register
def _(design: ThreePlusThree) -> Own:
    words = (
        "Three patients are treated at a level. Without a DLT the dose goes up; with one, three more are"
        " treated, and the dose goes up if none of "
        "them has a DLT; with two or more DLTs the level exceeds the MTD. The MTD is the highest level at which"
        " fewer than a third of "
        f"at least {design.mtd_patients} patients had a"
        f" DLT{'' if design.six_at_top or design.mtd_patients == 3 else ', three without a DLT sufficing at the highest level'}."
    )
    return "3+3", words, (STORER,)


def _boin(design: Boin) -> str:
    return (
        f"The dose goes up where the observed DLT rate at the current level is at most {design.lambda_e:.3f}, down"
        f" where it is at least {design.lambda_d:.3f}, and stays between. The boundaries minimise the chance of a wrong"
        f" decision for a target DLT rate of {design.target:g}, where {design.phi_1:g} or less is deemed too low and"
        f" {design.phi_2:g} or more too high."
    )


def _late_boin(design: TiteBoin) -> str:
    return (
        f"{_boin(design)} Patients whose DLT window is open count with the DLTs to be expected of them; nobody is"
        f" treated while more than {100 * design.max_pending:g} % of the patients at the level are still followed."
    )


def _backfill(design: backfill.BfBoin) -> str:
    opens = "once a response was seen at it or below" if design.needs_response else "at once"
    return (
        f"While a cohort is followed, patients are treated at the {design.assign} lower level that is open. A level"
        f" opens {opens}, and closes when its DLT rate and the rate pooled with the level above reach the boundary for"
        f" de-escalation, or {design.cap} patients have been treated there, those still followed included. Where the"
        " data of a lower level contradict the next step, the data pooled from that level up to the current one"
        " decide. Patients treated so count in all decisions, not to the maximum below."
    )


def _crm(design: Crm) -> str:
    skeleton = ", ".join(f"{p:.3g}" for p in design.skeleton)
    model = (
        "p = skeleton^exp(beta)"
        if design.model == "empiric"
        else f"logit p = {design.intercept:g} + exp(beta) x, x chosen so that beta = 0 gives the skeleton"
    )
    first, second = design.prior_parameters
    prior = {
        "lognormal": f"beta ~ N({first:g}, {second:.3g}²)",
        "gamma": f"exp(beta) ~ Gamma({first:g}, scale {second:g})",
        "uniform": f"exp(beta) ~ U({first:g}, {second:g})",
    }[design.prior]
    how = f"its posterior under {prior}" if design.fit == "bayes" else "maximum likelihood"
    which = "nearest the target" if design.nearest == "any" else "the highest that is not above the target,"
    words = (
        f"The DLT rate follows a one-parameter model, {model}, with skeleton {skeleton}. After each cohort beta is"
        f" estimated by {how}; the next level is the one whose estimated rate is {which} {design.target:g}."
    )
    if design.initial:
        words += (
            f" Until the first DLT, {', '.join(map(str, design.initial))} patients are treated at the levels in turn."
        )
    return words


def _blrm(design: Blrm) -> str:
    reference = design.reference or design.doses[design.levels // 2]
    priors = "; ".join(
        f"({c.mean[0]:.3g}, {c.mean[1]:.3g}) with standard deviations ({c.sd[0]:.3g}, {c.sd[1]:.3g}) and correlation"
        f" {c.correlation:.3g}" + (f", weight {c.weight:g}" if len(design.prior) > 1 else "")
        for c in design.prior
    )
    low, high = design.interval
    chosen = (
        "the highest chance of the target interval is chosen"
        if design.choose_by == "target"
        else "the highest dose is chosen"
    )
    return (
        f"The DLT rate at dose d follows logit p = log alpha + beta log(d / {reference:g}). The prior of (log alpha,"
        f" log beta) is normal with mean {priors}. A level may be given if the posterior chance of a DLT rate above"
        f" {high:g} is below {design.overdose:g}; of those, the one with {chosen}. The target interval is {low:g} to"
        f" {high:g}."
    )


def _course(design: Design) -> tuple[str, ...]:
    if not isinstance(design, CohortDesign):
        return (f"The trial starts at level {level_number(getattr(design, 'start', 0))} of {design.levels}.",)
    words = (
        f"The trial starts at level {level_number(design.start)} of {design.levels}, in cohorts of {design.cohort}, "
        f"and treats at most {design.max_patients} patients."
    )
    if design.stop_at is not None:
        when = {"stays": "and the dose would stay there", "reached": "", "next": "and it would be given next"}[
            design.stop_when
        ]
        words += f" It ends once {design.stop_at} patients were treated at a level {when}".rstrip() + "."
    if isinstance(design, IntervalDesign) and design.elimination < 1 and not isinstance(design, agreed.CommitteeTable):
        words += (
            " A level and those above are eliminated when the posterior chance that its DLT rate exceeds"
            f" {design.target:g} is above {design.elimination:g}, from {design.eliminate_from} patients on; if the"
            " lowest level is, the trial stops."
        )
        if design.extra_safe:
            words += (
                " It also stops when that chance at the lowest level is above"
                f" {design.elimination - design.extra_safe:g}."
            )
    if isinstance(design, ModelBasedDesign):
        held = [
            *(["an untried level is not skipped"] if design.no_skipping else []),
            *(["the dose never goes up where the observed DLT rate has reached the target"] if design.coherent else []),
        ]
        words += f" On the way up, {' and '.join(held)}." if held else ""
        if design.stop_toxic is not None:
            rate = design.stop_toxic_rate or design.target
            words += (
                f" The trial stops when the posterior chance that the DLT rate at the lowest level exceeds {rate:g} is"
                f" above {design.stop_toxic:g}."
            )
    return (words,)


def _mtd(design: Design) -> tuple[str, ...]:
    if isinstance(design, IntervalDesign):
        bounded = f", of those below {design.lambda_d:.3f}" if isinstance(design, Boin) and design.bounded else ""
        return (
            (
                "The MTD is the level, of those tried and not eliminated, whose isotonic estimate of the DLT rate is"
                f" nearest {design.target:g}{bounded}."
            ),
        )
    if isinstance(design, ModelBasedDesign):
        return ("The MTD is the level that the model would give next when the trial ends, of those tried.",)
    return ()


def _rule(rule: modifiers.Modifier) -> str:
    told = ", ".join(
        f"{k.replace('_', ' ')} {v}" for k, v in vars(rule).items() if k in rule.__dataclass_fields__ and k != "design"
    )
    first = first_paragraph(type(rule).__doc__).rstrip(".")
    return f"{first}{f'; {told}' if told else ''}."


def _interval(design: Mtpi | Mtpi2 | I3plus3) -> str:
    return (
        f"{design.target - design.below:g} to {design.target + design.above:g} about the target DLT rate"
        f" {design.target:g}"
    )


def _patients(n: int) -> str:
    words = {1: "one patient", 2: "two patients", 3: "three patients"}
    return words.get(n, f"{n} patients")


def _count(n: int) -> str:
    return {1: "the first", 2: "the second", 3: "the third"}.get(n, f"number {n} of the")
