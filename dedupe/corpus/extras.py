"""What to say when a format needs a package that is not installed."""

from __future__ import annotations

from dedupe.errors import UsageError


def require(package: str, extra: str, what: str) -> UsageError:
    """The error that tells how to install an optional package.

    >>> print(require("pyarrow", "parquet", "Parquet files"))
    Parquet files need pyarrow, which is not installed: pip install 'article-dedupe[parquet]'
    """
    return UsageError(f"{what} need {package}, which is not installed: pip install 'article-dedupe[{extra}]'")
