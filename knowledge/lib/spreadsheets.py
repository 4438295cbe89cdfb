"""Lines of CSV files, which people open in spreadsheets."""

import csv
import io
from collections.abc import Iterable

from django.http import StreamingHttpResponse

# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_line(values: Iterable[object]) -> str:
    """Return one line; nothing stands for None.

    SECURITY: a spreadsheet runs what begins like a formula, and a name or a question may; a quote
    before it shows it.
    """
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(value) for value in values])
    return line.getvalue()


def _harmless(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def csv_download(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """Answer with lines as a file of this name."""
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
