"""Passwords and second factors: hashed with Argon2id, checked two at a time; codes that work once."""

from __future__ import annotations

from threading import BoundedSemaphore
from time import time

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["code_step", "hashed", "matches", "new_secret", "password_problem", "setup_address"]

LEAST_LETTERS, MOST_LETTERS = 12, 256
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's least for Argon2id
_AT_ONCE = BoundedSemaphore(2)
NOBODY = _HASHER.hash("a password that nobody has")
"""What a password is compared with where there is no such account, so that an answer takes as long."""
STEP = 30  # seconds
WORN = (
    "password",
    "passwort",
    "qwerty",
    "qwertz",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "master",
    "shadow",
    "superman",
    "trustno",
    "abc123",
    "123456",
    "654321",
    "111111",
    "000000",
    "123123",
    "1q2w3e",
    "asdfgh",
    "zxcvbn",
    "changeme",
    "posology",
)
"""Beginnings of passwords that every list of breached ones holds."""


def password_problem(password: str, account: str) -> str | None:
    """Say what is wrong with a new password; None if nothing is.

    >>> password_problem("short", "ann")
    'a password has 12 to 256 characters; this has 5'
    >>> password_problem("password1234567", "ann")
    'this is one of the first that somebody would try: a word everybody uses, with digits'
    >>> password_problem("three quiet green boats", "ann") is None
    True
    """
    if not LEAST_LETTERS <= len(password) <= MOST_LETTERS:
        return f"a password has {LEAST_LETTERS} to {MOST_LETTERS} characters; this has {len(password)}"
    lowered = password.casefold()
    letters = "".join(c for c in lowered if c.isalnum())
    core = letters.strip("0123456789")
    if len(set(lowered)) < 5 or any(core == w or letters.removeprefix(w).isdigit() for w in WORN):
        return "this is one of the first that somebody would try: a word everybody uses, with digits"
    if account and account.casefold() in lowered:
        return "a password does not contain the account's name"
    return None


def hashed(password: str) -> str:
    """Return the Argon2id hash of a password."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def matches(password: str, hash: str | None) -> bool:
    """Whether a password is the one of a hash; takes as long where there is none."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(hash or NOBODY, password[:MOST_LETTERS]) and hash is not None
        except (VerificationError, InvalidHashError):
            return False


def new_secret() -> str:
    """Return a new secret for codes."""
    return pyotp.random_base32()


def setup_address(secret: str, account: str) -> str:
    """Return the address by which an authenticator takes the secret over."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name="Posology")


def code_step(secret: str, code: str, after: int = 0, now: float | None = None) -> int | None:
    """Return the time step of a valid code, None if it is wrong or was used: a code works once.

    Parameters
    ----------
    secret, code
        the account's secret, and the six digits typed.
    after
        the step of the last code used.
    now
        the moment in seconds since 1970 (else this one); a code of the step before or after it is taken too.

    Examples
    --------
    >>> code = pyotp.TOTP("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").at(90)
    >>> code_step("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, now=100.0), code_step("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", code, after=3, now=100.0)
    (3, None)
    """
    current = int((time() if now is None else now) // STEP)
    typed = code.replace(" ", "")
    for step in (current, current - 1, current + 1):
        if step > after and pyotp.utils.strings_equal(pyotp.TOTP(secret).at(step * STEP), typed):
            return step
    return None
