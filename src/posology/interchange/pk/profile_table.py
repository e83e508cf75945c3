"""Tables of profiles, one line a sample, as WinNonlin and spreadsheets keep them: their columns named, the dose a line.

Where the column of the DOSE is named and there is none of AMT, each patient, and each period (OCC, PERIOD, CYCLE) or
other dose of a patient, is given it at time 0: over TINF if that is named too. A patient's second period begins with a
reset, as times begin anew. A second line that holds units is read as such; BLQ, BQL and <0.5 are below quantification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from posology.interchange.pk.nonmem import DataError, finding

Line = tuple[int, list[str]]
BLQ = re.compile(r"\(?(?:BLO?Q|BQL|LLOQ|<\s*([\d.]*).*)\)?", re.IGNORECASE)
PERIODS = ("OCC", "PERIOD", "CYCLE")
ADDED = ("EVID", "AMT", "RATE", "BLQ", "LLOQ", "MDV")
"""Columns of events that such a table lacks."""


def renamed(names: Sequence[str], columns: Mapping[str, str], file: str, line: int) -> list[str]:
    """Return the names of a header with some called as ``columns`` says, whatever their case.

    Raises
    ------
    DataError
        naming a column that the file does not have.
    """
    given = {key.strip().strip('"').upper(): name.strip().upper() for key, name in columns.items()}
    missing = [key for key in given if key not in names]
    if missing:
        says = f"the file holds {', '.join(names)}"
        raise DataError([finding(file, line, key, "", "is no column to name", says) for key in missing])
    taken = set(given.values())
    return [given.get(name, f"{name} OF THE FILE" if name in taken else name) for name in names]


def event_lines(names: Sequence[str], lines: Sequence[Line]) -> tuple[list[str], list[Line], tuple[str, str, str]]:
    """Return the columns and lines of events that a table of profiles stands for, and the units it states.

    Parameters
    ----------
    names
        its columns, named as those of events but for DOSE and TINF.
    lines
        each line with its number, the header not among them.

    Returns
    -------
    columns, lines
        those of events, each line with its number in the table.
    units
        those of time, concentration and dose, empty where the table does not say.

    Examples
    --------
    >>> names, lines, units = event_lines(["ID", "TIME", "DV", "DOSE"], [(2, ["1", "2", "<0.5", "100"])])
    >>> [dict(zip(names, cells))["AMT"] for _, cells in lines], dict(zip(names, lines[1][1]))["LLOQ"]
    (['100', '.'], '0.5')
    """
    rows = [(line, dict(zip(names, map(str.strip, cells), strict=False)), len(cells)) for line, cells in lines]
    units = ("", "", "")
    if rows and not _is_value(rows[0][1].get("TIME", "")) and not _is_value(rows[0][1].get("DV", "")):
        time, concentration, dose = (_unit(rows[0][1].get(name, "")) for name in ("TIME", "DV", "DOSE"))
        units = time, concentration, dose
        rows = rows[1:]
    dosed = "DOSE" in names and "AMT" not in names
    left_out = ("DOSE", "TINF") if dosed else ()
    columns = [name for name in names if name not in left_out]
    columns += [name for name in ADDED if name not in columns]
    groups: dict[tuple[str, ...], list[tuple[int, dict[str, str], int]]] = {}
    for row in rows:
        period = [row[1].get(name, "") for name in (*PERIODS, "DOSE") if name in names]
        groups.setdefault((row[1].get("ID", ""), *period) if dosed else (), []).append(row)
    made: list[Line] = []
    seen: set[str] = set()
    for key, members in sorted(groups.items(), key=lambda group: _first_line(groups, group[0][:1])):
        samples = [(line, _sample(cells)) for line, cells, _ in members]
        if dosed:
            samples = _with_dose(samples, again=key[0] in seen)
            seen.add(key[0])
        made += [(line, [cells.get(name, ".") or "." for name in columns]) for line, cells in samples]
    wrong = {line for line, _, count in rows if count != len(names)}
    own = dict(lines)
    return columns, [(line, own[line] if line in wrong else cells) for line, cells in made], units


def _first_line(
    groups: Mapping[tuple[str, ...], Sequence[tuple[int, dict[str, str], int]]], who: tuple[str, ...]
) -> int:
    """Return the first line of a patient, all of whose periods stand together."""
    return min(members[0][0] for key, members in groups.items() if key[:1] == who)


def _sample(cells: Mapping[str, str]) -> dict[str, str]:
    """Return a line with a concentration below quantification marked as such."""
    found = BLQ.fullmatch(cells.get("DV", ""))
    if found is None:
        return dict(cells)
    limit = found[1] or cells.get("LLOQ", "")
    return {**cells, "DV": limit or "0", "BLQ": "1", "LLOQ": limit}


def _with_dose(samples: Sequence[tuple[int, dict[str, str]]], *, again: bool) -> list[tuple[int, dict[str, str]]]:
    """Return a period's samples in order of time, with its dose after those at time 0 or before it."""
    ordered = sorted(samples, key=lambda sample: _time(sample[1]))
    line, cells = ordered[0]
    begins = {
        **{name: value for name, value in cells.items() if name not in ("DV", "BLQ", "LLOQ", "DVID", "ANALYTE", "CMT")},
        **{"TIME": "0", "EVID": "4" if again else "1", "AMT": cells.get("DOSE", ""), "MDV": "1"},
    }
    try:
        begins["RATE"] = repr(float(cells["DOSE"]) / float(cells["TINF"])) if float(cells["TINF"]) else "."
    except (KeyError, ValueError):
        begins["RATE"] = cells.get("TINF", ".")  # no number: said as such
    early = [(n, {**c, "EVID": "0", "MDV": "1"}) for n, c in ordered if _time(c) <= 0]
    later = [(n, {**c, "EVID": "0"}) for n, c in ordered if not _time(c) <= 0]
    if not (again and early):
        return [*early, (line, begins), *later]
    reset = {**begins, "EVID": "3", "AMT": ".", "RATE": ".", "TIME": early[0][1]["TIME"]}
    return [(line, reset), *early, (line, {**begins, "EVID": "1"}), *later]


def _time(cells: Mapping[str, str]) -> float:
    try:
        return float(cells.get("TIME", ""))
    except ValueError:
        return float("inf")


def _is_value(cell: str) -> bool:
    if cell in ("", ".", "NA") or BLQ.fullmatch(cell):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _unit(cell: str) -> str:
    return cell.strip().strip("()[]")
