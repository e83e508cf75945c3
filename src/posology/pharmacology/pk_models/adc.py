"""A conjugate, its free payload and the payload's metabolite in plasma, as a fit takes them: all linear, and exact.

With C and P the amounts of conjugate in two compartments, D and M those of payload and metabolite, all as amounts of
the conjugate they come from:

    dC/dt = − (CL/V1 + Q/V1) C + Q/V2 P + doses        conjugate:  C / V1
    dP/dt = Q/V1 C − Q/V2 P
    dD/dt = CL/V1 C − kp D                             payload:    kp D / CLp
    dM/dt = kp D − km M                                metabolite: km M / CLm

The payload is formed as conjugate is lost, the metabolite as payload is lost. Nothing but its concentration is seen of
a payload, so its volume and the share of conjugate that becomes payload are not known apart. Hence CLp and CLm are
apparent: dose of conjugate over the AUC, as if all of it became payload, and all payload metabolite (the "apparent
clearance" of the label). They are in units of dose / (concentration × time): with doses in mg, ng/mL and days, 1 is
1000 L/d of conjugate. Times the mass of payload in that of conjugate it is the payload's own apparent clearance. kp and
km are rates of elimination. A rate well above that at which the analyte is formed does not show in the data; which of
the two is which is then decided by the starting values (flip-flop).

After a bolus into the chain with the rates λ₁ … λₙ (the two of the conjugate, kp, km) the last amount is proportional
to Σᵢ (Q/V2 − λᵢ) exp(−λᵢ t) / Πⱼ (λⱼ − λᵢ), a divided difference (Bateman H. Proc Camb Philos Soc 1910;15:423-427).
Rates that are as good as the same are moved apart about their middle, which changes a concentration by 1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS, Terms, superposed_response
from posology.pharmacology.pk_models.time_varying import predict
from posology.shared.arrays import Floats

MIN_RATE_GAP = 1e-4  # of two rates of a chain, relatively
MAX_FOLD_FROM_DATA = 10.0  # off the data, times


@dataclass(frozen=True)
class AdcModel:
    """A conjugate and what it becomes; the samples of each analyte are predicted by its own sum of exponentials."""

    name: str
    parameters: tuple[str, ...]
    analytes: int

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, parameters)."""
        weight, rate, _, _ = (_of_samples(data, each) for each in self.terms(phi))
        unit, _ = superposed_response(data, rate)
        return np.asarray((unit * weight).sum(axis=2))

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, parameters)."""
        weight, rate, d_weight, d_rate = (_of_samples(data, each) for each in self.terms(phi))
        unit, slope = superposed_response(data, rate)
        change = unit[..., None, :] @ d_weight + (slope * weight)[..., None, :] @ d_rate
        return np.asarray((unit * weight).sum(axis=2)), np.asarray(change[..., 0, :])

    def terms(self, phi: Floats) -> Terms:
        """Return weights and rates (patients, analytes, terms), and their derivatives, (…, parameters).

        The concentration of an analyte after a unit bolus is Σ weight × exp(−rate × t).
        """
        count, k = phi.shape
        weight, rate = np.zeros((2, count, self.analytes, self.analytes + 1))
        d_weight, d_rate = np.zeros((2, *weight.shape, k))
        value = dict(zip(self.parameters, np.exp(phi).T[..., None], strict=True))
        by = dict(zip(self.parameters, np.eye(k), strict=True))
        weight[:, 0, :2], two, d_weight[:, 0, :2, :4], d_two = TWO_COMPARTMENTS.terms(phi[:, :4])
        rate[..., :2], d_rate[..., :2, :4] = two[:, None], d_two[:, None]
        back, d_back = value["Q"] / value["V2"], by["Q"] - by["V2"]
        scale, by_scale = value["CL"] / value["V1"], by["CL"] - by["V1"]
        for a, (out, clearance) in enumerate((("kp", "CLp"), ("km", "CLm"))[: self.analytes - 1], 1):
            n = a + 2  # the rates of the chain to this analyte
            rate[..., n - 1], d_rate[..., n - 1, :] = value[out], value[out][..., None] * by[out]
            scale, by_scale = scale * value[out], by_scale + by[out]
            factor = _apart(rate[:, a, :n])
            rate[:, a, :n] *= factor
            d_rate[:, a, :n] *= factor[..., None]
            share, d_share = _differences(rate[:, a, :n], d_rate[:, a, :n])
            above = back - rate[:, a, :n]
            size = scale / value[clearance]
            weight[:, a, :n] = size * above * share
            d_above = above[..., None] * (by_scale - by[clearance]) + back[..., None] * d_back - d_rate[:, a, :n]
            d_weight[:, a, :n] = size[..., None] * (share[..., None] * d_above + above[..., None] * d_share)
        return weight, rate, d_weight, d_rate


def _of_samples(data: PkDataset, values: Floats) -> Floats:
    """Return what holds for each sample, (patients, samples, …), of what holds for each analyte."""
    return np.asarray(values[np.arange(len(data))[:, None], data.analyte])


def _apart(rate: Floats) -> Floats:
    """Return the factors by which rates (patients, n) are moved apart where neighbours are as good as the same."""
    order = np.argsort(rate, axis=1)
    ordered = np.take_along_axis(rate, order, axis=1)
    group = np.cumsum(np.diff(ordered, axis=1, prepend=0.0) > MIN_RATE_GAP * ordered, axis=1)
    same = group[:, :, None] == group[:, None, :]
    place = np.arange(rate.shape[1])
    factor = np.empty_like(rate)
    moved = 1 + MIN_RATE_GAP * (place - (same * place).sum(axis=2) / same.sum(axis=2))
    np.put_along_axis(factor, order, moved, axis=1)
    return factor


def _differences(rate: Floats, d_rate: Floats) -> tuple[Floats, Floats]:
    """Return 1 / Π (r_j − r_n) over the others j of each rate n, (patients, n), and its derivatives."""
    gap = rate[:, None, :] - rate[:, :, None] + np.eye(rate.shape[1])
    d_gap = d_rate[:, None, :] - d_rate[:, :, None]
    share = 1 / gap.prod(axis=2)
    return share, -share[..., None] * (d_gap / gap[..., None]).sum(axis=2)


CONJUGATE_PAYLOAD = AdcModel("conjugate and payload", (*TWO_COMPARTMENTS.parameters, "CLp", "kp"), 2)
CONJUGATE_PAYLOAD_METABOLITE = AdcModel(
    "conjugate, payload and metabolite", (*CONJUGATE_PAYLOAD.parameters, "CLm", "km"), 3
)


def conjugate_model(analytes: int) -> StructuralModel:
    """Return the model of a conjugate by how many analytes are measured: with its payload (2), and metabolite (3).

    Raises
    ------
    ValueError
        for another number.

    Examples
    --------
    >>> conjugate_model(3).parameters
    ('CL', 'V1', 'Q', 'V2', 'CLp', 'kp', 'CLm', 'km')
    """
    if analytes not in (2, 3):
        raise ValueError(
            f"{analytes} analyte{'s'[: analytes != 1]}; the model takes conjugate and payload, or conjugate, "
            "payload and "
            "metabolite, in this order"
        )
    return CONJUGATE_PAYLOAD if analytes == 2 else CONJUGATE_PAYLOAD_METABOLITE


def check_starting_values(model: StructuralModel, data: PkDataset, phi: Floats) -> None:
    """Refuse starting values so far off the data that the analytes may be in another order, or in other units.

    Raises
    ------
    ValueError
        naming the analyte whose measured concentrations are more than tenfold off what ``phi`` predicts, in the median.
    """
    predicted = predict(model, data, phi)
    for place, name in enumerate(data.analytes):
        own = data.observed & ~data.below & (data.analyte == place) & (predicted > 0)
        if not own.any():
            raise ValueError(f"{name}: no concentration is above quantification after a dose; leave it out")
        ratio = float(np.exp(np.median(np.log(np.maximum(data.value[own], 1e-300) / predicted[own]))))
        if not 1 / MAX_FOLD_FROM_DATA < ratio < MAX_FOLD_FROM_DATA:
            raise ValueError(
                f"{name} is measured at {ratio:.3g} times what the starting values predict (median). Are the "
                "analytes in the "
                f"order conjugate, payload, metabolite ({', '.join(data.analytes)}), and the starting values in the "
                "data's units?"
            )
