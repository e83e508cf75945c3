"""Every parameter of a non-compartmental analysis, an entry each: its function, unit, CDISC code, and why it may be
missing.

To add one, write its function of a :class:`ProfileBasis` and enter it in :data:`PARAMETERS`: results, commands and the
reference page take it from there. The definitions are those of Gabrielsson J, Weiner D. Pharmacokinetic and
Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8; residence time at steady state: Smith IL, Schentag JJ. J
Pharmacokinet Biopharm 1984;12:199-213.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.nca.dosing_interval import DosingInterval
from posology.pharmacology.nca.terminal_slope import TerminalSlope
from posology.shared.arrays import Bools, Floats


@dataclass(frozen=True)
class ProfileBasis:
    """What parameters are functions of: arrays (profiles,).

    ``is_first`` marks profiles after a first dose (a dose of whose drug nothing was there before), ``is_steady`` those
    at steady state with a known dosing interval. ``half_infusion`` is half the length of the infusion, 0 otherwise.
    ``auc_back`` is the area from the dose to the first sample, NaN where the concentration at the dose is not
    extrapolated back.
    """

    dose: Floats
    half_infusion: Floats
    is_extravascular: bool
    is_first: Bools
    is_steady: Bools
    c_max: Floats
    t_max: Floats
    c_last: Floats
    t_last: Floats
    c_0: Floats
    auc_last: Floats
    auc_all: Floats
    aumc_last: Floats
    auc_back: Floats
    slope: TerminalSlope
    interval: DosingInterval

    def after_first_dose(self, values: Floats) -> Floats:
        """Return values where the dose was a first one, NaN elsewhere: what follows from AUCinf is true of
        those alone."""
        return np.asarray(np.where(self.is_first, values, np.nan))

    def at_steady_state(self, values: Floats) -> Floats:
        """Return values where the profile is at steady state, NaN elsewhere."""
        return np.asarray(np.where(self.is_steady, values, np.nan))

    def intravascular(self, values: Floats) -> Floats:
        """Return values of a dose into the circulation, NaN otherwise."""
        return np.full_like(values, np.nan) if self.is_extravascular else values


def auc_inf(b: ProfileBasis, c_last: Floats) -> Floats:
    """AUClast + Clast / λz."""
    return b.auc_last + c_last / b.slope.lambda_z


def percent_extrapolated(b: ProfileBasis, c_last: Floats) -> Floats:
    """Part of AUCinf beyond the last measurable concentration."""
    return 100 * (c_last / b.slope.lambda_z) / auc_inf(b, c_last)


def percent_back_extrapolated(b: ProfileBasis, c_last: Floats) -> Floats:
    """Part of AUCinf before the first sample of a bolus, whose concentration at the dose is extrapolated back."""
    return 100 * b.auc_back / auc_inf(b, c_last)


def aumc_inf(b: ProfileBasis, c_last: Floats) -> Floats:
    """AUMClast + Clast Tlast / λz + Clast / λz²."""
    beyond = c_last / b.slope.lambda_z
    return b.aumc_last + beyond * b.t_last + beyond / b.slope.lambda_z


def mrt_last(b: ProfileBasis) -> Floats:
    """AUMClast / AUClast − T/2."""
    return b.after_first_dose(b.aumc_last / b.auc_last - b.half_infusion)


def mrt_inf(b: ProfileBasis, c_last: Floats) -> Floats:
    """AUMCinf / AUCinf − T/2."""
    return b.after_first_dose(aumc_inf(b, c_last) / auc_inf(b, c_last) - b.half_infusion)


def clearance(b: ProfileBasis, c_last: Floats) -> Floats:
    """Dose / AUCinf."""
    return b.after_first_dose(b.dose / auc_inf(b, c_last))


def volume_z(b: ProfileBasis, c_last: Floats) -> Floats:
    """CL / λz."""
    return clearance(b, c_last) / b.slope.lambda_z


def volume_ss(b: ProfileBasis, c_last: Floats) -> Floats:
    """CL × MRT."""
    return b.intravascular(np.asarray(clearance(b, c_last) * mrt_inf(b, c_last)))


def clearance_at_ss(b: ProfileBasis) -> Floats:
    """Dose / AUCτ."""
    return b.at_steady_state(b.dose / b.interval.auc_tau)


def volume_z_at_ss(b: ProfileBasis) -> Floats:
    """CL / λz."""
    return clearance_at_ss(b) / b.slope.lambda_z


def mrt_at_ss(b: ProfileBasis) -> Floats:
    """(AUMCτ + τ (AUCinf − AUCτ)) / AUCτ − T/2."""
    beyond = auc_inf(b, b.c_last) - b.interval.auc_tau
    return b.at_steady_state(
        (b.interval.aumc_tau + b.interval.tau * beyond) / b.interval.auc_tau - b.half_infusion,
    )


def volume_ss_at_ss(b: ProfileBasis) -> Floats:
    """CL × MRT."""
    return b.intravascular(np.asarray(clearance_at_ss(b) * mrt_at_ss(b)))


@dataclass(frozen=True)
class NcaParameter:
    """A parameter.

    Parameters
    ----------
    name, symbol
        as results name it, and as it is written.
    unit
        in terms of c (concentration), t (time) and dose.
    code, code_extravascular
        CDISC PPTESTCD after a dose into the circulation, and after another; empty where the terminology has none.
    function
        of a :class:`ProfileBasis`.
    missing
        why it may not be determined; empty where it always is.
    """

    name: str
    symbol: str
    unit: str
    code: str
    code_extravascular: str
    function: Callable[[ProfileBasis], Floats]
    missing: str

    def unit_in(self, time: str, concentration: str, dose: str) -> str:
        """Return the unit, given those of the data; empty where one that it needs is not known.

        >>> next(p for p in PARAMETERS if p.name == "clearance_obs").unit_in("d", "ug/mL", "mg")
        'mg/(d*ug/mL)'

        Parameters
        ----------
        time, concentration, dose
            units of the data.
        """
        given = {"t": time, "c": concentration, "dose": dose}
        words = re.findall("[a-z]+", self.unit)
        if not all(given[word] for word in words):
            return ""
        return "".join(given.get(part, part) for part in re.findall(r"[a-z]+|[^a-z]", self.unit))


NO_SLOPE = "no terminal slope"
NOT_FIRST = "not a first dose, or no terminal slope, or no dose"
NOT_STEADY = "not at steady state with a known dosing interval, or no dose"
NO_INTERVAL = "the dosing interval is not known"
TOO_SHORT = "fewer than two samples hold a concentration"
NONE_MEASURABLE = "no concentration above quantification"

PARAMETERS: tuple[NcaParameter, ...] = (
    NcaParameter("c_max", "Cmax", "c", "CMAX", "CMAX", lambda b: b.c_max, "every concentration is missing"),
    NcaParameter("t_max", "Tmax", "t", "TMAX", "TMAX", lambda b: b.t_max, NONE_MEASURABLE),
    NcaParameter("c_last", "Clast", "c", "CLST", "CLST", lambda b: b.c_last, NONE_MEASURABLE),
    NcaParameter("t_last", "Tlast", "t", "TLST", "TLST", lambda b: b.t_last, NONE_MEASURABLE),
    NcaParameter("c_0", "C0", "c", "C0", "", lambda b: b.c_0, "every concentration is missing"),
    NcaParameter("auc_last", "AUClast", "c*t", "AUCLST", "AUCLST", lambda b: b.auc_last, TOO_SHORT),
    NcaParameter("auc_all", "AUCall", "c*t", "AUCALL", "AUCALL", lambda b: b.auc_all, TOO_SHORT),
    NcaParameter("auc_inf_obs", "AUCinf", "c*t", "AUCIFO", "AUCIFO", lambda b: auc_inf(b, b.c_last), NO_SLOPE),
    NcaParameter(
        "auc_inf_pred",
        "AUCinf, predicted",
        "c*t",
        "AUCIFP",
        "AUCIFP",
        lambda b: auc_inf(b, b.slope.predicted_last),
        NO_SLOPE,
    ),
    NcaParameter(
        "extrapolated_obs",
        "AUC extrapolated",
        "%",
        "AUCPEO",
        "AUCPEO",
        lambda b: percent_extrapolated(b, b.c_last),
        NO_SLOPE,
    ),
    NcaParameter(
        "extrapolated_pred",
        "AUC extrapolated, predicted",
        "%",
        "AUCPEP",
        "AUCPEP",
        lambda b: percent_extrapolated(b, b.slope.predicted_last),
        NO_SLOPE,
    ),
    NcaParameter(
        "back_extrapolated_obs",
        "AUC back-extrapolated",
        "%",
        "AUCPBEO",
        "",
        lambda b: percent_back_extrapolated(b, b.c_last),
        "no bolus whose concentration at the dose is extrapolated back, or no terminal slope",
    ),
    NcaParameter(
        "back_extrapolated_pred",
        "AUC back-extrapolated, predicted",
        "%",
        "AUCPBEP",
        "",
        lambda b: percent_back_extrapolated(b, b.slope.predicted_last),
        "no bolus whose concentration at the dose is extrapolated back, or no terminal slope",
    ),
    NcaParameter("aumc_last", "AUMClast", "c*t2", "AUMCLST", "AUMCLST", lambda b: b.aumc_last, TOO_SHORT),
    NcaParameter("aumc_inf_obs", "AUMCinf", "c*t2", "AUMCIFO", "AUMCIFO", lambda b: aumc_inf(b, b.c_last), NO_SLOPE),
    NcaParameter(
        "aumc_inf_pred",
        "AUMCinf, predicted",
        "c*t2",
        "AUMCIFP",
        "AUMCIFP",
        lambda b: aumc_inf(b, b.slope.predicted_last),
        NO_SLOPE,
    ),
    NcaParameter("mrt_last", "MRTlast", "t", "MRTIVLST", "MRTEVLST", mrt_last, "not a first dose, or no area"),
    NcaParameter("mrt_inf_obs", "MRTinf", "t", "MRTIVIFO", "MRTEVIFO", lambda b: mrt_inf(b, b.c_last), NOT_FIRST),
    NcaParameter(
        "mrt_inf_pred",
        "MRTinf, predicted",
        "t",
        "MRTIVIFP",
        "MRTEVIFP",
        lambda b: mrt_inf(b, b.slope.predicted_last),
        NOT_FIRST,
    ),
    NcaParameter("clearance_obs", "CL", "dose/(t*c)", "CLO", "CLFO", lambda b: clearance(b, b.c_last), NOT_FIRST),
    NcaParameter(
        "clearance_pred",
        "CL, predicted",
        "dose/(t*c)",
        "CLP",
        "CLFP",
        lambda b: clearance(b, b.slope.predicted_last),
        NOT_FIRST,
    ),
    NcaParameter("vz_obs", "Vz", "dose/c", "VZO", "VZFO", lambda b: volume_z(b, b.c_last), NOT_FIRST),
    NcaParameter(
        "vz_pred", "Vz, predicted", "dose/c", "VZP", "VZFP", lambda b: volume_z(b, b.slope.predicted_last), NOT_FIRST
    ),
    NcaParameter(
        "vss_obs", "Vss", "dose/c", "VSSO", "", lambda b: volume_ss(b, b.c_last), f"extravascular, {NOT_FIRST}"
    ),
    NcaParameter(
        "vss_pred",
        "Vss, predicted",
        "dose/c",
        "VSSP",
        "",
        lambda b: volume_ss(b, b.slope.predicted_last),
        f"extravascular, {NOT_FIRST}",
    ),
    NcaParameter("c_max_dose", "Cmax/dose", "c/dose", "CMAXD", "CMAXD", lambda b: b.c_max / b.dose, "no dose"),
    NcaParameter(
        "auc_last_dose", "AUClast/dose", "c*t/dose", "AUCLSTD", "AUCLSTD", lambda b: b.auc_last / b.dose, "no dose"
    ),
    NcaParameter(
        "auc_inf_obs_dose",
        "AUCinf/dose",
        "c*t/dose",
        "AUCIFOD",
        "AUCIFOD",
        lambda b: auc_inf(b, b.c_last) / b.dose,
        "no dose, or no terminal slope",
    ),
    NcaParameter("lambda_z", "λz", "1/t", "LAMZ", "LAMZ", lambda b: b.slope.lambda_z, NO_SLOPE),
    NcaParameter("half_life", "t½", "t", "LAMZHL", "LAMZHL", lambda b: b.slope.half_life, NO_SLOPE),
    NcaParameter("intercept", "intercept of ln C", "1", "LAMZICPT", "LAMZICPT", lambda b: b.slope.intercept, NO_SLOPE),
    NcaParameter("r_squared", "r²", "1", "R2", "R2", lambda b: b.slope.r_squared, NO_SLOPE),
    NcaParameter(
        "adjusted_r_squared", "adjusted r²", "1", "R2ADJ", "R2ADJ", lambda b: b.slope.adjusted_r_squared, NO_SLOPE
    ),
    NcaParameter("points", "points of λz", "1", "LAMZNPT", "LAMZNPT", lambda b: b.slope.points.astype(float), ""),
    NcaParameter("first", "λz from", "t", "LAMZLL", "LAMZLL", lambda b: b.slope.first, NO_SLOPE),
    NcaParameter("last", "λz to", "t", "LAMZUL", "LAMZUL", lambda b: b.slope.last, NO_SLOPE),
    NcaParameter("span_ratio", "half-lives spanned", "1", "LAMZSPN", "LAMZSPN", lambda b: b.slope.span_ratio, NO_SLOPE),
    NcaParameter(
        "predicted_last", "Clast, predicted", "c", "CLSTP", "CLSTP", lambda b: b.slope.predicted_last, NO_SLOPE
    ),
    NcaParameter("auc_tau", "AUCτ", "c*t", "AUCTAU", "AUCTAU", lambda b: b.interval.auc_tau, NO_INTERVAL),
    NcaParameter("aumc_tau", "AUMCτ", "c*t2", "AUMCTAU", "AUMCTAU", lambda b: b.interval.aumc_tau, NO_INTERVAL),
    NcaParameter("average", "Cavg", "c", "CAVG", "CAVG", lambda b: b.interval.average, NO_INTERVAL),
    NcaParameter("lowest", "Cmin", "c", "CMIN", "CMIN", lambda b: b.interval.lowest, NO_INTERVAL),
    NcaParameter("trough", "Cτ", "c", "CTROUGH", "CTROUGH", lambda b: b.interval.trough, NO_INTERVAL),
    NcaParameter("fluctuation", "fluctuation", "%", "FLUCP", "FLUCP", lambda b: b.interval.fluctuation, NO_INTERVAL),
    NcaParameter("swing", "swing", "%", "SWING", "SWING", lambda b: b.interval.swing, NO_INTERVAL),
    NcaParameter(
        "peak_trough", "peak-trough ratio", "1", "PTROUGHR", "PTROUGHR", lambda b: b.interval.peak_trough, NO_INTERVAL
    ),
    NcaParameter(
        "accumulation", "accumulation", "1", "AILAMZ", "AILAMZ", lambda b: b.interval.accumulation, NO_INTERVAL
    ),
    NcaParameter("clearance_ss", "CL at steady state", "dose/(t*c)", "CLTAU", "CLFTAU", clearance_at_ss, NOT_STEADY),
    NcaParameter("vz_ss", "Vz at steady state", "dose/c", "VZTAU", "VZFTAU", volume_z_at_ss, NOT_STEADY),
    NcaParameter("mrt_ss", "MRT at steady state", "t", "", "", mrt_at_ss, f"{NOT_STEADY}, or no terminal slope"),
    NcaParameter("vss_ss", "Vss at steady state", "dose/c", "", "", volume_ss_at_ss, f"extravascular, {NOT_STEADY}"),
)
"""In the order of results."""
