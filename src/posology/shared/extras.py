"""What only some commands need is installed by name: which extra brings a library, and how a reader is told."""

from __future__ import annotations

__all__ = ["EXTRAS", "missing_extra"]

EXTRAS = {
    "pharmacology": ("numba", "SALib"),
    "interchange": ("odmlib", "polars", "pyreadstat"),
    "postgresql": ("psycopg",),
    "web": ("argon2", "pyotp", "starlette", "uvicorn"),
    "cluster": ("distributed", "dask"),
    "bayes": ("nutpie",),
}
"""The modules that each extra of the package brings, by the extra's name."""


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Say which extra brings the module that was not found; None if none does.

    >>> print(missing_extra(ModuleNotFoundError("No module named 'polars'", name="polars")))
    this needs polars, which is not installed: pip install "posology[interchange]"
    """
    module = (error.name or "").split(".")[0]
    extra = next((name for name, modules in EXTRAS.items() if module in modules), None)
    if extra is None:
        return None
    return f'this needs {module}, which is not installed: pip install "posology[{extra}]"'
