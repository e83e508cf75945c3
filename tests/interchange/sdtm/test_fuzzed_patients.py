"""Patients drawn at random, a tenth of their values wrong: every row is in the record or named; ADaM is sound.

60 patients in the usual run, 500 in the nightly one.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.interchange.adam.analysis import analyse, read_folder
from posology.interchange.adam.source import PRESETS
from posology.interchange.datasets.conformance.check import conform_datasets
from posology.interchange.sdtm.reader.read import read_sdtm
from tests.interchange.sdtm.sdtm_folder import study

TODAY = date(2026, 11, 25)
START = date(2020, 1, 6)
NONSENSE = ["", "NA", "?", "2020", "2020-02", "2020-02-30", "2031-01-01", "-5", "1e9", "UNKNOWN", "é" * 30]
CARRIED = r"ADAE\.(AETERM|AENDT)|AD(LB|PC)(\.(PARAM|PARAMCD|ABLFL|BASE))?"
"""What an analysis dataset takes over as it was collected, wrong or not: no term, an end before its start, two units."""
KEPT = {"STUDYID", "DOMAIN", "USUBJID", "SUBJID"}
Row = dict[str, Any]


def drawn(patients: int, seed: int) -> dict[str, list[Row]]:
    """Draw the domains of so many patients; outside DM a tenth of the values is nonsense."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[Row]] = {
        name: [] for name in ("dm", "ex", "ae", "lb", "vs", "pc", "tu", "tr", "rs", "cm", "ds", "mh")
    }

    def pick(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    def on(day: int) -> str:
        text = (START + timedelta(days=day)).isoformat()
        return pick(text, text, text, text + "T09:30", text[:7])

    for n in range(1, patients + 1):
        who = {"USUBJID": f"P{n:03}"}

        def add(domain: str, row: Row, who: Row = who) -> None:
            number = sum(r["USUBJID"] == who["USUBJID"] for r in rows[domain]) + 1
            rows[domain].append({**who, f"{domain.upper()}SEQ": number, **row})

        rows["dm"].append(
            {**who, "SUBJID": f"P{n:03}", "AGE": int(rng.integers(30, 80)), "SEX": pick("F", "M")}
            | {"ARM": "A", "ARMCD": "A", "ACTARM": "A", "ACTARMCD": "A"}
            | {"DTHDTC": on(300) if rng.random() < 0.2 else ""}
        )
        for cycle in range(int(rng.integers(0, 4))):
            add("ex", {"EXTRT": "D", "EXDOSE": 100, "EXDOSU": "mg", "EXSTDTC": on(21 * cycle), "EXDOSFRQ": "ONCE"})
        for _ in range(int(rng.integers(0, 4))):
            day = int(rng.integers(-20, 90))
            add(
                "ae",
                {"AETERM": pick("Nausea", "Rash"), "AETOXGR": pick("1", "3", ""), "AESTDTC": on(day)}
                | {"AEENDTC": on(day + 5), "AEREL": pick("Y", "N")},
            )
        for k in range(int(rng.integers(0, 4))):
            add(
                "lb",
                {"LBTESTCD": pick("ALT", "NEUT", "CA125"), "LBTEST": "T", "LBSTRESN": pick(3, 40, 90)}
                | {"LBORRES": "40", "LBSTRESU": pick("U/L", "10^9/L", "U/mL"), "LBDTC": on(21 * k), "LBSTNRHI": 35},
            )
            add(
                "vs",
                {"VSTESTCD": pick("WEIGHT", "PULSE"), "VSTEST": "T", "VSSTRESN": 70, "VSORRES": "70"}
                | {"VSSTRESU": "kg", "VSDTC": on(21 * k)},
            )
            add(
                "pc",
                {"PCTESTCD": "D", "PCTEST": "D", "PCSTRESN": 5, "PCORRES": pick("5", "<1"), "PCSTRESU": "ng/mL"}
                | {"PCSTRESC": "5", "PCSPEC": "PLASMA", "PCDTC": on(21 * k)},
            )
        for link, kind in (("T01", "TARGET"), ("NT01", "NON-TARGET")):
            add("tu", {"TULNKID": link, "TUTESTCD": "TUMIDENT", "TUSTRESC": kind, "TUORRES": kind, "TUDTC": on(-5)})
            for k in range(int(rng.integers(1, 5))):
                size = {"TRTESTCD": "LDIAM", "TRSTRESN": int(rng.integers(5, 60)), "TRSTRESU": "mm"}
                state = {"TRTESTCD": "TUMSTATE", "TRSTRESC": pick("PRESENT", "ABSENT", "UNEQUIVOCAL")}
                add(
                    "tr",
                    {"TRLNKID": link, "TRGRPID": kind, "VISIT": f"V{k}", "VISITNUM": k, "TRDTC": on(42 * k - 5)}
                    | {"TREVAL": "INVESTIGATOR"}
                    | (size if kind == "TARGET" else state),
                )
        for k in range(1, int(rng.integers(1, 5))):
            add(
                "rs",
                {"RSTESTCD": "OVRLRESP", "RSCAT": pick("RECIST 1.1", "IMWG", ""), "VISIT": f"V{k}", "VISITNUM": k}
                | {
                    "RSSTRESC": pick("CR", "PR", "SD", "PD", "NE", "NED"),
                    "RSDTC": on(42 * k - 5),
                    "RSEVAL": "INVESTIGATOR",
                },
            )
        add("cm", {"CMTRT": "X", "CMCAT": pick("ANTI-CANCER THERAPY", "OTHER"), "CMSTDTC": on(100)})
        add("ds", {"DSTERM": "T", "DSDECOD": pick("COMPLETED", "ADVERSE EVENT", "RANDOMIZED"), "DSSTDTC": on(120)})
        add("mh", {"MHTERM": "Asthma", "MHSTDTC": on(-500)})
    for name, each in rows.items():
        for row in each if name != "dm" else ():
            for column in row:
                if column not in KEPT and not column.endswith("SEQ") and rng.random() < 0.1:
                    row[column] = pick(*NONSENSE)
    return {name: each for name, each in rows.items() if each}


@pytest.mark.parametrize(
    ("patients", "seed"), [(60, 1), pytest.param(500, 2, marks=pytest.mark.slow)], ids=["60", "500"]
)
def test_every_row_of_fuzzed_patients_is_accounted_for(patients: int, seed: int, tmp_path: Path) -> None:
    domains = drawn(patients, seed)
    folder = study(tmp_path / "sdtm", **domains)
    made = read_sdtm(folder, today=TODAY)
    recorded: Counter[str] = Counter()
    for one in made.finish:
        recorded[one.source] += 1
    said = Counter(f.patient for f in made.report.findings)
    text = " ".join(map(str, made.report.not_understood))
    for name, rows in domains.items():
        domain = name.upper()
        assert made.report.rows[domain] == len(rows)
        numbered = [(f"{domain} {r.get(f'{domain}SEQ', f'row {i}')}", r) for i, r in enumerate(rows, 1)]
        unnamed = [row for source, row in numbered if not said[row["USUBJID"]] and not recorded[source]]
        if unnamed:
            assert f"{domain}: " in text, (domain, unnamed[0])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("patients", "seed"), [(60, 1), pytest.param(500, 2, marks=pytest.mark.slow)], ids=["60", "500"]
)
def test_the_analysis_datasets_of_fuzzed_patients_are_sound(
    patients: int, seed: int, preset: str, tmp_path: Path
) -> None:
    made = analyse(read_folder(study(tmp_path / "sdtm", **drawn(patients, seed))), PRESETS[preset])
    told = conform_datasets({d.name: d for d in made.datasets})
    assert [str(f) for f in told if not re.fullmatch(CARRIED, f.field)] == []
    assert made.datasets[0].frame.height == patients
