"""Benchmarks of the tumour model: a thousand virtual patients, a year, ten infusions, weekly output.

Run: python benchmarks/pharmacology.py. Prints medians of seven runs, on the wall and of the processor, after the
compiler's first, the error of each method over SciPy's tight solution in some patients, memory, and seconds to start a
program that simulates nothing. The peer to beat on the eight-state form of this problem is mrgsolve: 0.64 s mild, 3.2 s
stiff, on such a machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.treatment import treat
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.linear_compartments import Doses, two_compartment
from posology.pharmacology.tumour.model import Dopri5, Reduced, Rodas, Tumour, simulate
from posology.pharmacology.tumour.plasma_input import PlasmaInput
from posology.pharmacology.tumour.reference_solver import NAMES, solve

PATIENTS, CHECKED = 1000, 3
WEEKS = np.append(np.arange(0.0, 365, 7), 365)
TEN = Doses(np.arange(10) * 21.0, 355, 0.1)
BUSY: list[float] = []
"""Median seconds of the processor behind each median so far: on a machine that others use, the ones to compare."""
MILD, STIFF = {"kon": 0.05, "koff": 0.005}, {"kon": 10.0, "koff": 1.0}


def patients(count: int = PATIENTS) -> tuple[PlasmaInput, Tumour]:
    """Draw patients that differ in target, uptake, internalisation, potency."""
    rng = np.random.default_rng(853)
    vary = lambda value, sd: float(np.squeeze(value)) * np.exp(sd * rng.standard_normal(count))
    drive, typical = Tumour.of(IMGN853, positive=0.8)
    return drive, replace(
        typical,
        receptor=vary(60, 0.5),
        ktr=vary(typical.ktr, 0.2),
        kint=vary(0.61, 0.3),
        kmax=vary(0.03, 0.4),
        ec50=vary(25, 0.4),
    )


def seconds(work: Callable[[], object], runs: int = 7) -> float:
    """Return the median time on the wall, the first run apart, and note that of the processor."""
    work()
    taken, busy = [], []
    for _ in range(runs):
        begun, used = time.perf_counter(), time.process_time()
        work()
        taken.append(time.perf_counter() - begun)
        busy.append(time.process_time() - used)
    BUSY.append(statistics.median(busy))
    return statistics.median(taken)


def main() -> None:
    drive, tumour = patients()
    print(f"{PATIENTS} patients, {WEEKS[-1]:g} days, ten infusions of 0.1 d, {len(WEEKS)} outputs, one core")
    print(f"{'method':44}{'mild s (cpu)':>16}{'stiff s (cpu)':>16}{'error mild':>12}{'error stiff':>12}")
    best = {
        name: simulate(replace(tumour, **case), drive, TEN, WEEKS, Rodas(1e-10, 1e-12)).diameter
        for name, case in (("mild", MILD), ("stiff", STIFF))
    }
    for label, method in (
        ("total quasi-steady state, step 0.2 d", Reduced(0.2)),
        ("total quasi-steady state, step 0.1 d (default)", Reduced()),
        ("kon and koff, RODAS, rtol 5e-5 (default)", Rodas()),
        ("kon and koff, RODAS, rtol 1e-6", Rodas(1e-6, 1e-8)),
        ("kon and koff, Dormand-Prince, rtol 5e-5", Dopri5()),
    ):
        taken, error = [], []
        for name, case in (("mild", MILD), ("stiff", STIFF)):
            if isinstance(method, Dopri5) and name == "stiff":
                taken.append(np.nan), error.append(np.nan), BUSY.append(np.nan)
                continue
            held = replace(tumour, **case)
            taken.append(seconds(lambda held=held, method=method: simulate(held, drive, TEN, WEEKS, method)))
            error.append(np.abs(simulate(held, drive, TEN, WEEKS, method).diameter / best[name] - 1).max())
        both = [f"{t:.3f} ({b:.3f})" for t, b in zip(taken, BUSY[-2:], strict=True)]
        print(f"{label:44}{both[0]:>16}{both[1]:>16}{error[0]:12.1e}{error[1]:12.1e}")
    print(
        "error: greatest, of the diameter, over kon and koff by RODAS at 1e-10; the first two include the"
        " reduction's own"
    )

    for name, case in (("mild", MILD), ("stiff", STIFF)):
        held = replace(tumour, **case)
        apart = []
        for i in range(CHECKED):
            every = solve(held, drive, TEN, WEEKS, i)
            cells = every[:, NAMES.index("N+")] + every[:, NAMES.index("N-")]
            apart.append(np.abs(best[name][i] / np.cbrt(cells) - 1).max())
        print(
            f"{name}: against SciPy with every equation (payload not at steady state), {CHECKED} patients:"
            f" {max(apart):.1e}"
        )

    print("\ncores, production path, 20,000 patients")
    drive, many = patients(20_000)
    one = seconds(lambda: simulate(many, drive, TEN, WEEKS), 3)
    two = seconds(lambda: simulate(many, drive, TEN, WEEKS, threads=2), 3)
    print(
        f"one {one:.2f} s, two {two:.2f} s: {one / two:.2f} times as fast; seconds of the processors {BUSY[-2]:.2f} and"
        f" {BUSY[-1]:.2f}"
    )

    print("\nmemory, production path, beyond the result itself")
    for count in (1000, 2000, 4000):
        drive, held = patients(count)
        tracemalloc.start()
        course = simulate(held, drive, TEN, WEEKS)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        size = sum(state.nbytes for state in course.states.values())
        print(
            f"{count:6} patients: result {size / 1e6:.1f} MB, peak {peak / 1e6:.1f} MB, {peak / count / 1e3:.1f} kB a"
            " patient"
        )

    plasma = two_compartment(cl=0.417, v1=2.3, q=0.5, v2=0.6)
    fate = PatientPotentialOutcomes.draw(np.random.default_rng(1), 30_000)
    for cycles, follow in ((3, 126.0), (8, 730.0)):
        print(
            f"clinical course, 30,000 patients, {cycles} cycles: "
            f"{seconds(lambda cycles=cycles, follow=follow: treat(fate, plasma, 355.0, cycles=cycles, follow=follow), 3):.2f} s"
        )

    start = lambda code: seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True), 3)
    print(
        f"\nimport of the tumour model: {start('import posology.pharmacology.tumour.model'):.2f} s; of its compiled"
        f" part, cached: {start('import posology.pharmacology.tumour.kernel_full_binding'):.2f} s"
    )


if __name__ == "__main__":
    main()
