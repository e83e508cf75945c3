"""What people say of the data: queries and their answers, marks of review, an investigator's endorsement.

Each is of something as it stood: the hash of what it is of is written by the system, so that a later change shows.
"""

from __future__ import annotations

from typing import Annotated

from annotated_doc import Doc
from annotated_types import Ge

from posology.record.fact import Fact, NoSdtm, fact
from posology.record.facts import Text

EventNumber = Annotated[int, Ge(1)]
_OF_THE_DATA = NoSdtm("it is about the data, and no datum of the subject")


@fact(verb="query", sdtm=_OF_THE_DATA, example='--event 12 --text "Which eye?"')
class QueryRaised(Fact):
    """Somebody asks the site about an event of the patient. The query's number is that of this event."""

    event: Annotated[EventNumber, Doc("The number of the event that it is about.")]
    text: Annotated[Text, Doc("What is asked.")]
    asked: str | None = None


@fact(verb="answer-query", sdtm=_OF_THE_DATA, example='--query 40 --text "The left one; corrected"')
class QueryAnswered(Fact):
    """The site answers a query."""

    query: Annotated[EventNumber, Doc("The number of the query.")]
    text: Annotated[Text, Doc("The answer.")]


@fact(verb="close-query", sdtm=_OF_THE_DATA, example='--query 40 --why "Corrected as answered"')
class QueryClosed(Fact):
    """A query is closed: nothing more is asked."""

    query: Annotated[EventNumber, Doc("The number of the query.")]
    why: Annotated[Text, Doc("Why.")]


@fact(verb="review", sdtm=_OF_THE_DATA, example="--event 12")
class EventReviewed(Fact):
    """Somebody has reviewed an event as it stands; once it is changed, it is to be reviewed again."""

    event: Annotated[EventNumber, Doc("The number of the event.")]
    reviewed: str | None = None


@fact(verb="endorse", sdtm=_OF_THE_DATA, example='--milestone "end of cycle 1"')
class CourseEndorsed(Fact):
    """The investigator endorses the patient's data as they stand; once any of them changes, they do no longer."""

    milestone: Annotated[Text, Doc("At which milestone, such as 'end of cycle 1'.")]
    endorsed: str | None = None


ABOUT_DATA = (QueryRaised, QueryAnswered, QueryClosed, EventReviewed, CourseEndorsed)
"""The kinds of event that are about the data."""
