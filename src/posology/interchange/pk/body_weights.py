"""Weights of patients in SDTM's VS, which doses by body weight need."""

from __future__ import annotations

from pathlib import Path

from posology.interchange.pk.domain_rows import rows_of
from posology.interchange.pk.nonmem import DataError, finding

POUND = 0.45359237
"""Kilograms."""


def weights(vs: str | Path | None) -> dict[str, list[tuple[str, float]]] | None:
    """Return each patient's weights [kg] by day; None where no file is given.

    Raises
    ------
    DataError
        for a weight that is no number or in another unit than kg or LB, or if the file holds none.
    """
    if vs is None:
        return None

    def wrong(line: int, column: str, patient: str, what: str, right: str) -> DataError:
        return DataError([finding(str(vs), line, column, patient, what, right)])

    by_patient: dict[str, list[tuple[str, float]]] = {}
    for line, row in rows_of(vs):
        if row.get("VSTESTCD", "").upper() != "WEIGHT" or not row.get("VSSTRESN"):
            continue
        patient, unit = row.get("USUBJID", ""), row.get("VSSTRESU", "")
        size = {"KG": 1.0, "LB": POUND, "": 1.0}.get(unit.upper())
        if size is None:
            raise wrong(line, "VSSTRESU", patient, f"is {unit}", "a weight in kg")
        try:
            weight = float(row["VSSTRESN"]) * size
        except ValueError:
            raise wrong(line, "VSSTRESN", patient, f"{row['VSSTRESN']!r} is no number", "a weight in kg") from None
        by_patient.setdefault(patient, []).append((row.get("VSDTC", "")[:10], weight))
    if not by_patient:
        raise wrong(1, "VSTESTCD", "", "holds no WEIGHT", "a VS domain with weights")
    return {patient: sorted(weighed, key=lambda pair: pair[0]) for patient, weighed in by_patient.items()}
