"""The command line: a door that holds no rule of its own.

Every command imports what it needs when it runs, so that ``posology --help`` starts at once.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; what a user did wrong ends in a message, never in a traceback."""
    from posology.cli.app import app

    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        sys.exit("interrupted: what was acknowledged is kept, nothing else was written")
    except ModuleNotFoundError as error:
        from posology.shared.extras import missing_extra

        said = missing_extra(error)
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if not isinstance(error, ValueError | OSError) and not type(error).__module__.startswith("posology."):
            raise
        said = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            said = f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
        from posology.shared.text import printable_lines

        print(f"error: {printable_lines(said)}", file=sys.stderr)
        sys.exit(1)
