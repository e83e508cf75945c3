"""Who somebody is: passwords, second factor, sessions, locks, and the trail of all that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from posology.web.accounts import IDLE, LOCKED_FOR, LONGEST, TRIES, AccountError, Accounts

GOOD = "three quiet green boats"


class Now:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def later(self, by: timedelta) -> None:
        self.moment += by


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def accounts(tmp_path: Path, now: Now) -> Accounts:
    accounts = Accounts(tmp_path / "a.sqlite", now)
    accounts.set_password(accounts.create("ann", "Ann", identity="passport", administrator=True, by="x"), GOOD)
    return accounts


def test_a_link_sets_the_password_once(accounts: Accounts, now: Now) -> None:
    token = accounts.create("bob", "Bob", identity="passport", administrator=False, by="ann")
    with pytest.raises(AccountError, match="12 to 256 characters"):
        accounts.set_password(token, "short")
    with pytest.raises(AccountError, match="does not contain the account's name"):
        accounts.set_password(token, "bob sails quietly")
    assert accounts.set_password(token, GOOD) == "bob"
    with pytest.raises(AccountError, match="holds no longer"):
        accounts.set_password(token, GOOD)
    late = accounts.new_link("bob", by="ann")
    now.later(timedelta(days=8))
    assert accounts.link_account(late) is None


@pytest.mark.parametrize("password", ["password1234567", "aaaaaaaaaaaaaaaa", "12345612345612", "Qwerty123456"])
def test_what_everybody_uses_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(AccountError, match="one of the first"):
        accounts.set_password(accounts.new_link("ann", by="ann"), password)


def test_names_are_never_given_twice(accounts: Accounts) -> None:
    for name, match in (("ANN", "never given"), ("a b", "letters, digits"), ("", "empty"), ("аnn", "letters, digits")):
        with pytest.raises(AccountError, match=match):
            accounts.create(name, "x", identity="x", administrator=False, by="ann")


def test_a_wrong_password_says_nothing_and_ten_lock(accounts: Accounts, now: Now) -> None:
    for account in ("ann", "nobody"):
        with pytest.raises(AccountError, match=r"^account, password or code is wrong$"):
            accounts.log_in(account, "wrong")
    for _ in range(TRIES - 1):
        with pytest.raises(AccountError, match="is wrong"):
            accounts.log_in("ann", "wrong")
    with pytest.raises(AccountError, match="locked after 10 wrong tries"):
        accounts.log_in("ann", GOOD)
    now.later(LOCKED_FOR + timedelta(seconds=1))
    assert accounts.log_in("ann", GOOD)
    assert any(a["act"] == "wrong try, log-in; locked" for a in accounts.acts("ann"))


def test_sessions_end_by_time_by_hand_and_by_switching_off(accounts: Accounts, now: Now) -> None:
    token = accounts.log_in("ann", GOOD)
    assert accounts.session(token) is not None
    now.later(IDLE + timedelta(seconds=1))
    assert accounts.session(token) is None
    token = accounts.log_in("ann", GOOD)
    for _ in range(int(LONGEST / IDLE) + 1):
        alive = accounts.session(token)
        now.later(IDLE - timedelta(minutes=1))
    assert alive is None or accounts.session(token) is None
    token = accounts.log_in("ann", GOOD)
    accounts.end_session("ann", accounts.sessions_of("ann")[0].number)
    assert accounts.session(token) is None
    bob = accounts.create("bob", "Bob", identity="x", administrator=False, by="ann")
    accounts.set_password(bob, GOOD)
    token = accounts.log_in("bob", GOOD)
    accounts.set_active("bob", False, by="ann")
    assert accounts.session(token) is None
    with pytest.raises(AccountError, match="is wrong"):
        accounts.log_in("bob", GOOD)
    with pytest.raises(AccountError, match="only administrator"):
        accounts.set_active("ann", False, by="ann")


def test_a_code_works_once(accounts: Accounts, now: Now) -> None:
    secret = accounts.new_factor()
    code = lambda: pyotp.TOTP(secret).at(now.moment)
    with pytest.raises(AccountError, match="not the code of now"):
        accounts.set_factor("ann", secret, "000000" if code() != "000000" else "111111")
    accounts.set_factor("ann", secret, code())
    now.later(timedelta(seconds=30))
    with pytest.raises(AccountError, match="is wrong"):
        accounts.log_in("ann", GOOD)
    assert accounts.log_in("ann", GOOD, code())
    with pytest.raises(AccountError, match="is wrong"):
        accounts.log_in("ann", GOOD, code())


def test_the_trail_shows_every_act_and_a_change_of_it(accounts: Accounts) -> None:
    accounts.log_in("ann", GOOD)
    assert accounts.trail_is_sound()
    assert {a["act"].split(" ")[0] for a in accounts.acts()} >= {"made", "link", "password", "logged"}
    with accounts._change() as db:
        db.execute("UPDATE acts SET by = 'eve' WHERE seq = 2")
    assert not accounts.trail_is_sound()


def test_no_secret_is_stored_as_typed(accounts: Accounts, tmp_path: Path) -> None:
    token = accounts.log_in("ann", GOOD)
    stored = (tmp_path / "a.sqlite").read_bytes()
    assert GOOD.encode() not in stored and token.encode() not in stored and b"$argon2id$" in stored
    assert (tmp_path / "a.sqlite").stat().st_mode & 0o077 == 0
