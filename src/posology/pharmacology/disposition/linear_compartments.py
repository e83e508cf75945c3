"""Linear compartments, exactly: boluses and infusions, many patients and dosing histories at once.

One and two compartments in closed form (Gibaldi M, Perrier D, Pharmacokinetics, 2nd ed. 1982, chapters 1 and 2); any
linear system by the matrix exponential over each piece of constant input, which equal or close eigenvalues do not
disturb (Al-Mohy AH, Higham NJ, SIAM J Matrix Anal Appl 2009;31:970). A patient is a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


MAX_BATCH_ELEMENTS = 1 << 26
"""Numbers held at once by the exponentials of a system, at most: 0.5 GB."""


@dataclass(frozen=True)
class Doses:
    """What was given: (D,) or (P, D) arrays, in order of time.

    Parameters
    ----------
    time
        start of each dose [d].
    amount
        each dose [mg]; 0: none was given (a dose missed, or a row with fewer doses).
    duration
        of each infusion [d]; 0: a bolus.

    Raises
    ------
    ValueError
        naming patient and dose, if a number is not finite or negative, or the doses are out of order.

    Examples
    --------
    >>> Doses([0, 21], 355, 0.1).amount.tolist()
    [355.0, 355.0]
    >>> Doses([21, 0], 355)
    Traceback (most recent call last):
        ...
    ValueError: dose 2, day 0: it comes after dose 1, day 21; doses must be in order of time
    """

    time: Floats
    amount: Floats
    duration: Floats

    def __init__(self, time: ArrayLike, amount: ArrayLike, duration: ArrayLike = 0.0) -> None:
        given = [np.asarray(a, dtype=np.float64) for a in (time, amount, duration)]
        try:
            arrays = np.broadcast_arrays(*given)
        except ValueError:
            shapes = ", ".join(str(a.shape) for a in given)
            raise ValueError(
                f"time, amount and duration have the shapes {shapes}: they need a number for each dose, or one for all"
            ) from None
        for name, array in zip(("time", "amount", "duration"), arrays, strict=True):
            object.__setattr__(self, name, np.atleast_1d(array))
        self._check()

    def _check(self) -> None:
        for name, least, right in (
            ("time", -np.inf, "a finite number of days"),
            ("amount", 0, "0 or more mg"),
            ("duration", 0, "0 or more days"),
        ):
            values = getattr(self, name)
            wrong = ~(np.isfinite(values) & (values >= least))
            if wrong.any():
                at = tuple(np.argwhere(wrong)[0])
                raise ValueError(f"{self._where(at)}: {name} is {values[at]:g}: it must be {right}")
        early = np.diff(self.time, axis=-1) < 0
        if early.any():
            *patient, d = np.argwhere(early)[0]
            raise ValueError(
                f"{self._where((*patient, d + 1))}: it comes after dose {d + 1}, day "
                f"{self.time[(*patient, d)]:g}; doses must be in order of time"
            )

    def _where(self, at: tuple[int, ...]) -> str:
        patient = f"patient {at[0] + 1}, " if len(at) > 1 else ""
        return f"{patient}dose {at[-1] + 1}, day {self.time[at]:g}"

    @property
    def end(self) -> Floats:
        """When each dose ends [d]."""
        return self.time + self.duration

    def given(self, times: ArrayLike) -> Floats:
        """Return the amount given by each time [mg], of shape (..., T)."""
        when = checked_times(times)
        total = np.zeros((*patient_shape(times=when, doses=self.time), when.shape[-1]))
        for d in range(self.time.shape[-1]):
            start, amount, duration = (a[..., d : d + 1] for a in (self.time, self.amount, self.duration))
            elapsed = np.clip(when - start, 0, duration) / np.where(duration > 0, duration, 1)
            total = total + amount * np.where(duration > 0, elapsed, when >= start)
        return np.asarray(total)


@dataclass(frozen=True)
class Exponentials:
    """The response to a unit bolus: sum of ``coefficients`` x exp(-``rates`` x t), both (..., M).

    Examples
    --------
    >>> one = one_compartment(cl=2.0, v=10.0)
    >>> one.at([0, 1], Doses(0, 100)).round(3).tolist()
    [10.0, 8.187]
    """

    coefficients: Floats
    rates: Floats

    @property
    def area(self) -> Floats:
        """Area under the response to a unit dose, (...,); infinite where nothing is cleared."""
        counts = self.coefficients != 0
        with np.errstate(divide="ignore"):
            return np.asarray((self.coefficients / np.where(counts, self.rates, 1)).sum(axis=-1))

    @property
    def slowest(self) -> Floats:
        """The slowest rate that has a part in the response, (...,)."""
        return np.asarray(np.where(self.coefficients != 0, self.rates, np.inf).min(axis=-1))

    @property
    def half_life(self) -> Floats:
        """Terminal half-life, (...,); infinite where nothing is cleared."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(2) / self.slowest)

    def at(self, times: ArrayLike, doses: Doses) -> Floats:
        """Return the response (..., T) at each time [d], all doses superposed; a bolus counts from its own time on."""
        when = checked_times(times)
        total = np.zeros((*patient_shape(times=when, doses=doses.time, parameters=self.rates), when.shape[-1]))
        for d in range(doses.time.shape[-1]):
            start, amount, duration = (a[..., d : d + 1] for a in (doses.time, doses.amount, doses.duration))
            lag = np.maximum(when - start, 0)
            total += np.where(when >= start, amount * self._single(lag, duration), 0)
        return total

    def steady_state(self, times: ArrayLike, amount: ArrayLike, interval: float, duration: ArrayLike = 0.0) -> Floats:
        """Return the response (..., T) at each time after a dose, when such doses came every ``interval`` days for
        ever.

        Raises
        ------
        ValueError
            if a time lies outside the interval, an infusion is longer than it, or a rate is 0.
        """
        when = checked_times(times)
        each, long = (np.asarray(a, dtype=np.float64)[..., None] for a in (amount, duration))
        Doses(0.0, each, long)  # checks them
        if not (interval > 0 and (long <= interval).all() and (when >= 0).all() and (when <= interval).all()):
            raise ValueError(f"interval is {interval:g} d: times must lie in it, and an infusion cannot be longer")
        if (self.slowest <= 0).any():
            raise ValueError("a rate is 0: what is given piles up without end, there is no steady state")
        before = np.zeros(np.broadcast_shapes(when.shape, long.shape, (*self.rates.shape[:-1], 1)))
        for m in range(self.rates.shape[-1]):
            c, r = self.coefficients[..., m : m + 1], self.rates[..., m : m + 1]
            r = np.where(c != 0, r, 1)
            before = before + c * np.exp(-r * (when + interval - long)) * _mean(r, long, long) / -np.expm1(
                -r * interval
            )
        return np.asarray(each * (before + self._single(when, long)))

    def _single(self, lag: Floats, duration: Floats) -> Floats:
        """Return the response to a unit dose at times since its start."""
        after = np.maximum(lag - duration, 0)
        total: Floats = np.zeros(())
        for m in range(self.rates.shape[-1]):
            c, r = self.coefficients[..., m : m + 1], self.rates[..., m : m + 1]
            total = total + c * np.exp(-r * after) * _mean(r, lag - after, duration)
        return total


def checked_times(times: ArrayLike) -> Floats:
    """Return times [d] as an array (..., T); refuse one that is no finite number.

    >>> checked_times([0, float("nan")])
    Traceback (most recent call last):
        ...
    ValueError: time 2 is nan: it must be a finite number of days
    """
    when = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if not np.isfinite(when).all():
        *patient, t = np.argwhere(~np.isfinite(when))[0]
        whose = f"patient {patient[0] + 1}, " if patient else ""
        raise ValueError(f"{whose}time {t + 1} is {when[(*patient, t)]:g}: it must be a finite number of days")
    return when


def patient_shape(**arrays: Floats) -> tuple[int, ...]:
    """Return the shape of the patients (all but the last axis) that the arrays have together, or say which do not fit.

    >>> patient_shape(times=np.zeros((3, 4)), doses=np.zeros((2, 1)))
    Traceback (most recent call last):
        ...
    ValueError: times are of 3 patients, doses are of 2 patients: they must be of as many, or of one
    """
    shapes = {name: array.shape[:-1] for name, array in arrays.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        of = ", ".join(
            f"{name} are of {shape[0]} patients" for name, shape in shapes.items() if shape not in ((), (1,))
        )
        raise ValueError(f"{of}: they must be of as many, or of one") from None


def _mean(rate: Floats, elapsed: Floats, duration: Floats) -> Floats:
    """Return what a unit infusion of a ``duration`` leaves after ``elapsed`` of it; 1 for a bolus."""
    x = rate * elapsed
    held = np.where(x > 0, -np.expm1(-x) / np.where(x > 0, x, 1), 1) * elapsed
    return np.asarray(np.where(duration > 0, held / np.where(duration > 0, duration, 1), 1))


def one_compartment(cl: ArrayLike, v: ArrayLike) -> Exponentials:
    """Return the concentration after a unit bolus: exp(-cl/v t) / v; cl [L/d] and v [L] of shape (...,)."""
    clearance, volume = _above_zero("cl", cl, zero=True), _above_zero("v", v)
    patient_shape(cl=clearance[..., None], v=volume[..., None])
    rate = clearance / volume
    return Exponentials((1 / volume * np.ones_like(rate))[..., None], rate[..., None])


def two_compartment(cl: ArrayLike, v1: ArrayLike, q: ArrayLike, v2: ArrayLike) -> Exponentials:
    """Return the central concentration after a unit bolus, of shape (..., 2).

    With k10 = cl/v1, k12 = q/v1, k21 = q/v2: alpha, beta are the roots of s^2 - (k10 + k12 + k21) s + k10 k21, and the
    coefficients (alpha - k21) / (alpha - beta) / v1 and (k21 - beta) / (alpha - beta) / v1.

    Parameters
    ----------
    cl, q
        clearance from, and between, the compartments [L/d].
    v1, v2
        central and peripheral volume [L].

    Raises
    ------
    ValueError
        if a clearance is negative, or a volume not above 0.

    Examples
    --------
    >>> two = two_compartment(cl=0.676, v1=3.127, q=1.519, v2=0.66)  # T-DM1, Lu 2014
    >>> float(two.half_life.round(2)), float((1 / two.area).round(3))
    (3.94, 0.676)
    """
    out, central = _above_zero("cl", cl, zero=True), _above_zero("v1", v1)
    between, peripheral = _above_zero("q", q, zero=True), _above_zero("v2", v2)
    patient_shape(cl=out[..., None], v1=central[..., None], q=between[..., None], v2=peripheral[..., None])
    k10, k12, k21 = out / central, between / central, between / peripheral
    total = k10 + k12 + k21
    root = np.sqrt((k10 + k12 - k21) ** 2 + 4 * k12 * k21)
    alpha = (total + root) / 2
    beta = np.divide(k10 * k21, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    more = (
        k10 + k12 - k21
    )  # (alpha - k21) (k21 - beta) = k12 k21: the lesser of the two by the greater, without loss of digits
    greater = (np.abs(more) + root) / 2
    lesser = np.divide(k12 * k21, greater, out=np.zeros_like(alpha), where=greater > 0)
    gap = np.where(root > 0, root, 1)
    fast = np.where(root > 0, np.where(more >= 0, greater, lesser) / gap, 1)
    slow = np.where(root > 0, np.where(more >= 0, lesser, greater) / gap, 0)
    coefficients = np.stack([fast, slow], axis=-1) / np.asarray(central * np.ones_like(alpha))[..., None]
    return Exponentials(coefficients, np.stack([alpha, beta], axis=-1))


def concentration(
    times: ArrayLike,
    doses: Doses,
    cl: ArrayLike,
    v1: ArrayLike,
    q: ArrayLike | None = None,
    v2: ArrayLike | None = None,
) -> Floats:
    """Return the central concentration (..., T) [mg/L, the same as ug/mL] of a one- or two-compartment model.

    Parameters
    ----------
    times
        (T,) or (P, T), days.
    doses
        of each patient, or the same for all.
    cl, v1, q, v2
        scalars or (P,); without q and v2: one compartment.

    Examples
    --------
    >>> concentration([0.1, 7], Doses(0, 355, 0.1), cl=[0.45, 0.5], v1=2.6, q=0.5, v2=0.6).round(1).tolist()
    [[134.1, 40.0], [134.0, 35.8]]
    """
    if (q is None) != (v2 is None):
        raise ValueError("give q and v2 both, or neither")
    shape = one_compartment(cl, v1) if q is None or v2 is None else two_compartment(cl, v1, q, v2)
    return shape.at(times, doses)


@dataclass(frozen=True)
class LinearSystem:
    """Amounts that flow at rates in proportion to them: dx/dt = ``matrix`` x + ``inlet`` x the rate of infusion.

    Parameters
    ----------
    matrix
        (S, S) or (P, S, S), per day.
    inlet
        (S,) or (P, S): the share of a dose that enters each state.
    """

    matrix: Floats
    inlet: Floats

    def amounts(self, times: ArrayLike, doses: Doses, since: ArrayLike | None = None) -> Floats:
        """Return the amounts (P, T, S), or (T, S) for one patient, at times (T,) or (P, T) [d] in any order.

        Nothing is there before the first dose. Memory is that of the result and a bounded piece. A system that changes
        from occasion to occasion has a matrix (P, O, S, S), and ``since`` (O,) or (P, O), rising, says when each
        begins; the first also holds before.
        """
        when, occasions = checked_times(times), np.zeros(1) if since is None else checked_times(since)
        matrix = self.matrix[..., None, :, :] if since is None else self.matrix
        if occasions.shape[-1] != matrix.shape[-3] or (np.diff(occasions, axis=-1) <= 0).any():
            raise ValueError(
                f"since is {occasions.tolist()}: it must rise, and say when each of {matrix.shape[-3]} occasions begins"
            )
        parts = [when, doses.time, doses.amount, doses.duration, occasions, self.inlet]
        patients = patient_shape(
            times=when, doses=doses.time, occasions=occasions, parameters=matrix[..., 0, 0], inlets=self.inlet
        )
        size, (n,) = self.inlet.shape[-1], patients or (1,)
        rows = [np.broadcast_to(a, (n, a.shape[-1])) for a in parts]
        matrix = matrix if matrix.ndim == 4 else matrix[None]
        result = np.empty((n, when.shape[-1], size))
        steps = when.shape[-1] + 2 * doses.time.shape[-1] + occasions.shape[-1]
        piece = max(1, MAX_BATCH_ELEMENTS // (steps * (size + 1) ** 2))
        for at in range(0, n, piece):
            cut = slice(at, at + piece)
            result[cut] = _propagate(matrix[cut] if len(matrix) > 1 else matrix, *(a[cut] for a in rows))
        return result if patients else result[0]

    def areas(self, times: ArrayLike, doses: Doses) -> Floats:
        """Return the areas under the amounts, from the start to each time, as of :meth:`amounts`.

        From dx/dt = M x + b u follows: area = M^-1 (x - b x what was given).
        """
        held = self.amounts(times, doses)
        given = doses.given(times)[..., None] * self.inlet[..., None, :]
        return _solved(self.matrix[..., None, :, :], held - given)

    def total_areas(self) -> Floats:
        """Return the area under each amount after a unit dose, to infinity: (..., S)."""
        return _solved(self.matrix, -self.inlet)

    def steady_state(self, times: ArrayLike, amount: ArrayLike, interval: float, duration: ArrayLike = 0.0) -> Floats:
        """Return the amounts (P, T, S), or (T, S), at times after a dose, when such doses came every ``interval`` for
        ever.

        Raises
        ------
        ValueError
            if a time lies outside the interval, or an infusion is longer than it.
        """
        from scipy.linalg import expm

        when = checked_times(times)
        each, long = np.asarray(amount, dtype=np.float64), np.asarray(duration, dtype=np.float64)
        if not (interval > 0 and (long <= interval).all() and (when >= 0).all() and (when <= interval).all()):
            raise ValueError(f"interval is {interval:g} d: times must lie in it, and an infusion cannot be longer")
        doses = Doses(np.zeros((*each.shape, 1)), each[..., None], long[..., None])
        cycle = np.broadcast_to(interval, (*when.shape[:-1], 1))
        single = self.amounts(np.concatenate([when, cycle], axis=-1), doses)
        whole = expm(self.matrix * interval)
        left = _solved(np.eye(self.matrix.shape[-1]) - whole, single[..., -1, :])
        later = expm(self.matrix[..., None, :, :] * when[..., None, None])
        return np.asarray(single[..., :-1, :] + (later @ left[..., None, :, None])[..., 0])


def _solved(matrix: Floats, right: Floats) -> Floats:
    """Return x of matrix x = right, (..., S)."""
    try:
        return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])
    except np.linalg.LinAlgError:
        raise ValueError(
            "a state is never left: what enters it stays, without a total area or a steady state"
        ) from None


def _propagate(
    matrix: Floats, when: Floats, start: Floats, amount: Floats, long: Floats, since: Floats, inlet: Floats
) -> Floats:
    """Return (P, T, S): from one break to the next, input being constant."""
    n, size = inlet.shape
    line = Timeline.of(when, start, amount, long, since[:, 1:])
    occasion = np.zeros(line.steps.shape, dtype=np.int64)
    for begins in since[:, 1:].T:
        occasion += line.breaks[:, :-1] >= begins[:, None]
    moves, which = exponentials(matrix, inlet, line.steps, occasion)
    state, course = np.zeros((n, size + 1)), np.empty((*line.breaks.shape, size))
    for k in range(line.breaks.shape[1]):
        state[:, :size] += line.bolus[:, k, None] * inlet
        course[:, k] = state[:, :size]
        if k < line.steps.shape[1]:
            state[:, size] = line.infused[:, k]
            state = (moves[which[:, k]] @ state[:, :, None])[:, :, 0]
    return np.take_along_axis(course, line.places[:, :, None], axis=1)


@dataclass(frozen=True)
class Timeline:
    """The breaks of each patient's time: outputs, starts and ends of doses, and others; input is constant between them.

    Parameters
    ----------
    breaks
        (P, K), rising.
    places
        (P, T): where the outputs stand among them.
    infused
        (P, K - 1): rate of infusion after each break [mg/d].
    bolus
        (P, K): given at once, at each break [mg].
    """

    breaks: Floats
    places: NDArray[np.int64]
    infused: Floats
    bolus: Floats

    @classmethod
    def of(cls, when: Floats, start: Floats, amount: Floats, long: Floats, others: Floats | None = None) -> Timeline:
        """Lay out outputs (P, T), doses (P, D) and other breaks (P, B)."""
        n = len(when)
        every = np.concatenate([when, start, start + long, *([] if others is None else [others])], axis=1)
        order = np.argsort(every, axis=1, kind="stable")
        breaks = np.take_along_axis(every, order, axis=1)
        infused, bolus = np.zeros((n, breaks.shape[1] - 1)), np.zeros(breaks.shape)
        for a, dose, lasts in zip(start.T, amount.T, (start + long - start).T, strict=True):
            rate = np.divide(dose, lasts, out=np.zeros(n), where=lasts > 0)[:, None]
            infused += rate * ((breaks[:, :-1] >= a[:, None]) & (breaks[:, 1:] <= (a + lasts)[:, None]))
            first = (breaks >= a[:, None]).argmax(axis=1)
            bolus[np.arange(n), first] += np.where(lasts == 0, dose, 0)
        return cls(breaks, np.argsort(order, axis=1)[:, : when.shape[1]], infused, bolus)

    @property
    def steps(self) -> Floats:
        """(P, K - 1): from break to break [d]."""
        return np.diff(self.breaks, axis=1)


def exponentials(
    matrix: Floats, inlet: Floats, steps: Floats, occasion: NDArray[np.int64] | int = 0
) -> tuple[Floats, NDArray[np.int64]]:
    """Return exp(matrix x step), each one once, and which of them each step (P, K) takes.

    ``matrix`` (P or 1, O, S, S), ``occasion`` (P, K). The state is widened by one, the rate of infusion, which stays as
    it is: (U, S + 1, S + 1).
    """
    from scipy.linalg import expm
    from threadpoolctl import threadpool_limits

    n, size = inlet.shape
    shared = len(matrix) == 1 and bool((inlet == inlet[0]).all())
    patient = 0 if shared else np.arange(n)[:, None]
    steps = np.where(steps < 1e-3, steps, steps.round(12))  # equal but for the last digits: one exponential
    unique, which = np.unique(steps + 1j * (patient * matrix.shape[1] + occasion), return_inverse=True)
    owner, at = np.divmod(unique.imag.astype(np.int64), matrix.shape[1])
    widened = np.zeros((len(unique), size + 1, size + 1))
    widened[:, :size, :size] = matrix[owner if len(matrix) > 1 else 0, at]
    widened[:, :size, size] = inlet[owner]
    with threadpool_limits(1):  # matrices so small are slower on many cores
        return expm(widened * unique.real[:, None, None]), which.reshape(steps.shape)


def _above_zero(name: str, values: ArrayLike, *, zero: bool = False) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    wrong = ~(np.isfinite(array) & ((array >= 0) if zero else (array > 0)))
    if wrong.any():
        at = np.argwhere(wrong)[0]
        patient = f"patient {at[0] + 1}: " if len(at) else ""
        raise ValueError(f"{patient}{name} is {array[wrong][0]:g}: it must be {'0 or more' if zero else 'above 0'}")
    return array
