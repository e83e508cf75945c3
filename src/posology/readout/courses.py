"""Each patient's course, as the endpoints room reads it, with the events behind every result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.standing import Standing
from posology.record.event import Event
from posology.record.state import Patient

Events = tuple[Event, ...]


@dataclass(frozen=True)
class Scan:
    """One tumour assessment. ``sum_mm`` and the changes are None where the sum cannot be known."""

    number: int
    on: date
    study_day: int | None
    cycles: int
    sum_mm: float | None
    change: float | None
    change_from_nadir: float | None
    overall: str
    sources: Events


@dataclass(frozen=True)
class Response:
    """Best overall response by RECIST 1.1.

    ``best`` is CR, PR, SD, PD or NE as the criteria give it with ``confirmation`` one of: confirmed, awaiting
    confirmation, not confirmed, or empty where nothing is to confirm.
    """

    best: str
    confirmation: str
    on: date | None
    confirmed_on: date | None
    progression: date | None
    stable_days: int | None
    stable_ongoing: bool
    cycles: int | None
    best_change: float | None
    sources: Events

    @property
    def text(self) -> str:
        """The response in words."""
        return f"{self.best}, {self.confirmation}" if self.confirmation else self.best

    @property
    def is_objective(self) -> bool:
        """Whether it is a CR or PR, confirmed or awaiting confirmation."""
        return self.best in ("CR", "PR")


@dataclass(frozen=True)
class Sample:
    """One marker sample."""

    on: date
    study_day: int | None
    value: float
    change: float | None
    source: Event


@dataclass(frozen=True)
class Marker:
    """CA-125 by GCIG. ``response`` is confirmed, awaiting confirmation, none, or not evaluable (with ``why``)."""

    response: str
    why: str
    on: date | None
    confirmed_on: date | None
    largest_fall: float | None
    samples: tuple[Sample, ...]
    sources: Events


@dataclass(frozen=True)
class Course:
    """All that a patient's course amounts to at the cutoff."""

    patient: Patient
    level: int | None
    dose: str
    standing: Standing | None
    scans: tuple[Scan, ...]
    response: Response
    marker: Marker | None

    @property
    def id(self) -> str:
        """The patient's identifier."""
        return self.patient.id

    @property
    def tumour(self) -> str:
        """The tumour in words."""
        screening = self.patient.screening
        if screening is None:
            return ""
        return screening.tumour_type + (f", {screening.histology}" if screening.histology else "")

    @property
    def active(self) -> bool:
        """Whether there is evidence of activity: an objective response, or a confirmed CA-125 response."""
        return self.response.is_objective or (self.marker is not None and self.marker.response == "confirmed")
