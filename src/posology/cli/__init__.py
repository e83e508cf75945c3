"""The command line: a door that holds no rule of its own.

Every command imports what it needs when it runs, so that ``posology --help`` starts at once.
"""

from __future__ import annotations

import os
import sys
import warnings

__all__ = ["main"]


def main() -> None:
    """Run the command line; what a user did wrong ends in a message, never in a traceback.

    What a library warns of is for programmers: it is never printed among results. With POSOLOGY_DEBUG set, an
    unforeseen error shows where it came from.
    """
    from posology.cli.app import app

    warnings.showwarning = lambda *_, **__: None
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit("interrupted: what was acknowledged is kept, nothing else was written")
    except Exception as error:
        from posology.shared.text import printable_lines

        print(f"error: {printable_lines(_in_words(error))}", file=sys.stderr)
        sys.exit(1)


def _in_words(error: Exception) -> str:
    """Say what went wrong: what the user can mend, or that the fault is ours."""
    from posology.shared.extras import missing_extra

    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, ValueError | OSError) or type(error).__module__.startswith("posology."):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and (said := missing_extra(error)):
        return said
    if isinstance(error, MemoryError):
        return "this takes more memory than there is: ask for less at once"
    if os.environ.get("POSOLOGY_DEBUG"):
        raise error
    return (
        f"unforeseen {type(error).__name__}: {error}. This is a fault of Posology: please report it with the command; "
        "POSOLOGY_DEBUG=1 shows where it came from"
    )
