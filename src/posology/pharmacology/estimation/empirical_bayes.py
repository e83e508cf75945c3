"""Each patient's own optimum: the random effects that are most likely, given a population and the patient's data.

Wang Y. Derivation of various NONMEM estimation methods. J Pharmacokinet Pharmacodyn 2007;34:575-593.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import log_likelihood_terms
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.time_varying import sensitivities
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class EmpiricalBayes:
    """Each patient's optimum: ``eta`` (patients, random effects), those of occasions after the patient's own; the joint
    −2 log density ``minus_two_log_joint`` and the log
    determinant of its half Hessian, (patients,); the Hessian itself; predictions and their derivatives by ``eta``."""

    eta: Floats
    minus_two_log_joint: Floats
    log_determinant: Floats
    hessian: Floats
    predicted: Floats
    gradient: Floats


def empirical_bayes(
    model: StructuralModel,
    data: PkDataset,
    population: Population,
    start: Floats | None = None,
    missed: Floats | None = None,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 200,
) -> EmpiricalBayes:
    """Return the random effects that are most likely for each patient (empirical Bayes, maximum a posteriori).

    All patients at once by Gauss–Newton with shortened steps: the Hessian is the expected information plus Ω⁻¹, and
    what it misses is learnt from step to step (symmetric rank-one secants; Dennis JE, Gay DM, Welsch RE. ACM Trans Math
    Softw 1981;7:348-368).

    Parameters
    ----------
    model, data, population
        the model, the measurements, and what is assumed of the population.
    start, missed
        (patients, random effects): where the search begins, else 0; (patients, effects, effects): what the expected
        Hessian misses there, as far as it is known.
    tolerance, max_iterations
        the last step is smaller than the one, and there are no more than the other.

    Raises
    ------
    ValueError
        naming the patient, if the search does not settle within ``max_iterations`` steps.

    Examples
    --------
    >>> from posology.pharmacology.estimation.error_models import ResidualError
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> empirical_bayes(ONE_COMPARTMENT, data, start).eta.shape
    (6, 2)
    """
    typical, residual = population.log_parameters(model, data), population.residual
    random = population.random_effects(model, data)
    inverse = np.linalg.inv(random.variance)
    eta = np.zeros((len(data), random.size)) if start is None else start.copy()

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a step too far is not taken
    def at(effects: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        predicted, change = sensitivities(model, data, random.individual_log_parameters(typical, effects))
        change = random.chain_rule(change)
        found = log_likelihood_terms(data, predicted, residual)
        joint = found.value.sum(axis=1) + np.einsum("pi,ij,pj->p", effects, inverse, effects)
        slope = 0.5 * np.einsum("ps,psr->pr", found.by_prediction, change) + effects @ inverse
        hessian = np.einsum("psr,ps,psq->prq", change, found.information, change) + inverse
        return joint, slope, hessian, predicted, change

    joint, slope, hessian, predicted, change = at(eta)
    if not np.isfinite(joint).all():
        row = int(np.isfinite(joint).argmin())
        raise ValueError(f"patient {data.names[row]}: the likelihood is not finite where the search begins")
    size, beyond = np.ones(len(data)), np.zeros_like(hessian) if missed is None else missed.copy()
    for _ in range(max_iterations):
        gauss = np.linalg.solve(hessian, slope[..., None])[..., 0]
        try:
            move = np.linalg.solve(hessian + beyond, slope[..., None])[..., 0]
        except np.linalg.LinAlgError:
            move = gauss
        falls = (move * slope).sum(axis=1) > 0.1 * (gauss * slope).sum(axis=1)
        move = np.where(falls[:, None], move, gauss)
        longest = np.abs(move).max(axis=1, initial=0.0)
        if longest.max(initial=0.0) < tolerance:
            break
        move *= np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))[:, None]  # no further than exp(2) at a time
        new = eta - size[:, None] * move
        joint_n, slope_n, hessian_n, predicted_n, change_n = at(new)
        short = np.einsum("pr,pr->p", slope_n + 0.5 * slope, move) > 0  # not well past the optimum
        better = joint_n <= joint + 1e-9 * (1 + np.abs(joint))
        pick = better[:, None]
        step = new - eta
        miss = np.where(pick, slope_n - slope - ((hessian_n + beyond) @ step[..., None])[..., 0], 0.0)
        along = (miss * step).sum(axis=1)
        clear = (size * longest > 1e-7) & (
            np.abs(along) > 1e-8 * np.sqrt((miss**2).sum(axis=1) * (step**2).sum(axis=1))
        )
        beyond += miss[:, :, None] * (miss * np.where(clear, 1 / np.where(clear, along, 1.0), 0.0)[:, None])[:, None]
        eta, joint, slope = np.where(pick, new, eta), np.where(better, joint_n, joint), np.where(pick, slope_n, slope)
        hessian = np.where(pick[..., None], hessian_n, hessian)
        predicted, change = np.where(pick, predicted_n, predicted), np.where(pick[..., None], change_n, change)
        size = np.where(better & short, np.minimum(1.0, 2 * size), size / 4)
    else:
        row = int(longest.argmax())
        if longest[row] > 1e-4:
            raise ValueError(
                f"patient {data.names[row]}: the individual parameters did not settle in {max_iterations} steps"
            )
    _, log_determinant = np.linalg.slogdet(hessian)
    return EmpiricalBayes(eta, joint, log_determinant, hessian, predicted, change)
