"""Who may record what: by role and by site, from the first right given on."""

from __future__ import annotations

import pytest

from posology.conduct.people_rules import RIGHTS, access_of, open_sites, people
from posology.conduct.trial import Refused, Trial
from posology.record import facts as f
from posology.record.entry import EntryError, fact_from
from posology.record.fact import KINDS
from posology.record.people import AccessGranted, AccessWithdrawn, SiteClosed, SiteReleased
from tests.conftest import Clock

ROLES = {
    "ann": ("administrator", None),
    "sam": ("site", "01"),
    "sue": ("site", "02"),
    "max": ("medical monitor", None),
    "kim": ("committee", None),
    "stu": ("statistician", None),
    "dan": ("data manager", None),
    "aud": ("auditor", None),
}


def grant(account: str, role: str, site: str | None = None) -> AccessGranted:
    return AccessGranted(account=account, name=f"Dr {account.title()}", role=role, organisation="Sponsor", site=site)  # type: ignore[arg-type]


@pytest.fixture
def staffed(trial: Trial) -> Trial:
    trial.record(grant("ann", "administrator"), by="Dr A")
    for site in ("01", "02"):
        trial.record(SiteReleased(site=site, name=f"Hospital {site}", training="visit"), by="ann")
    for account, (role, site) in ROLES.items():
        if account != "ann":
            trial.record(grant(account, role, site), by="ann")
    return trial


def test_without_a_grant_everybody_writes(trial: Trial) -> None:
    assert trial.record(f.Consented(), patient="001", by="anybody").author == "anybody"
    assert not people(trial.state())


def test_the_first_right_is_an_administrators(trial: Trial) -> None:
    with pytest.raises(Refused, match="author-has-the-right: the first right given is an administrator's"):
        trial.record(grant("sam", "site", "01"), by="x")
    trial.record(grant("ann", "administrator"), by="x")
    with pytest.raises(Refused, match="author-has-the-right: x has no right to work on this trial"):
        trial.record(grant("x", "data manager"), by="x")
    with pytest.raises(Refused, match="site-is-known: site 01 was not released"):
        trial.record(grant("sam", "site", "01"), by="ann")


@pytest.mark.parametrize("role", RIGHTS)
def test_each_role_records_its_kinds_and_no_other(staffed: Trial, role: str) -> None:
    """Refused by that rule exactly where the role lacks the kind, whatever else refuses it."""
    account = next(name for name, (of, _) in ROLES.items() if of == role)
    state = staffed.state()
    from posology.conduct.people_rules import author_has_the_right
    from posology.conduct.rules import EventRequest

    staffed.record(f.Consented(site="01"), patient="001", by="dan")
    state = staffed.state()
    for kind in KINDS.values():
        fact = object.__new__(kind)
        object.__setattr__(fact, "site", "01") if kind is f.Consented else None
        request = EventRequest(
            state, fact, "001" if kind.about == "patient" else None, staffed.today(), staffed.today(), account
        )
        allowed = author_has_the_right(request) is None
        assert allowed == (kind in RIGHTS[role]), kind
    assert not (RIGHTS["administrator"] & RIGHTS["data manager"]), "an administrator has no right on data"


def test_a_site_enters_its_own_patients(staffed: Trial) -> None:
    assert staffed.record(f.Consented(), patient="001", by="sam").fact == f.Consented(site="01")
    with pytest.raises(Refused, match="author-has-the-right: sue is of site 02; 001 is of site 01"):
        staffed.record(fact_from("screened", {"sex": "F", "tumour_type": "ovarian"}), patient="001", by="sue")
    with pytest.raises(Refused, match="author-has-the-right: sue is of site 02; 002 is of site 01"):
        staffed.record(f.Consented(site="01"), patient="002", by="sue")
    with pytest.raises(Refused, match="site-is-released: no site is open; open are 01, 02"):
        staffed.record(f.Consented(), patient="003", by="dan")
    event = staffed.events()[-1]
    with pytest.raises(Refused, match="sue is of site 02"):
        staffed.void(event.seq, by="sue", reason="x")
    with pytest.raises(Refused, match=r"ann \(administrator\) has no right to record: consented"):
        staffed.void(event.seq, by="ann", reason="x")
    assert staffed.void(event.seq, by="dan", reason="entered twice")


def test_no_override_gives_a_right(staffed: Trial) -> None:
    with pytest.raises(Refused, match="author-has-the-right"):
        staffed.record(f.Consented(site="01"), patient="9", by="aud", override="author-has-the-right: in a hurry")


def test_sites_open_and_close(staffed: Trial) -> None:
    with pytest.raises(Refused, match="site-fits: site 01 is open"):
        staffed.record(SiteReleased(site="01", name="x", training="x"), by="ann")
    staffed.record(SiteClosed(site="01", why="done"), by="ann")
    assert open_sites(staffed.state()) == {"02": "Hospital 02"}
    with pytest.raises(Refused, match="site-is-released: site 01 is open|site-is-released"):
        staffed.record(f.Consented(), patient="001", by="sam")
    with pytest.raises(Refused, match="site-fits: site 01 is not open"):
        staffed.record(SiteClosed(site="01", why="done"), by="ann")


def test_rights_end_and_one_administrator_stays(staffed: Trial, clock: Clock) -> None:
    with pytest.raises(Refused, match="an-administrator-stays: ann is the only administrator"):
        staffed.record(AccessWithdrawn(account="ann", why="left"), by="ann")
    with pytest.raises(Refused, match="an-administrator-stays"):
        staffed.record(grant("ann", "data manager"), by="ann")
    with pytest.raises(Refused, match="right-to-withdraw: bob has no right"):
        staffed.record(AccessWithdrawn(account="bob", why="left"), by="ann")
    staffed.record(AccessWithdrawn(account="dan", why="left"), by="ann")
    assert access_of(staffed.state(), "dan") is None
    with pytest.raises(Refused, match="dan has no right to work on this trial"):
        staffed.record(f.Consented(site="01"), patient="001", by="dan")


def test_a_person_of_a_site_has_one() -> None:
    with pytest.raises(EntryError, match="a person of the role site has a site"):
        fact_from("access_granted", {"account": "x", "name": "x", "role": "site", "organisation": "x"})
    with pytest.raises(EntryError, match="role is 'boss'"):
        fact_from("access_granted", {"account": "x", "name": "x", "role": "boss", "organisation": "x"})
