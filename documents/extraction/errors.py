"""Why a file gave no text, in words for the person who uploaded it; known to the child process."""


class ExtractionError(Exception):
    """The file can't be read.

    Args:
        message: one or two sentences that say what is wrong and what to do.
        code: a stable word for scripts and statistics.
        may_pass: whether another try can succeed with the same file.
    """

    def __init__(self, message: str, *, code: str, may_pass: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.may_pass = may_pass


def damaged(kind: str) -> ExtractionError:
    """Return the error of a file that its own program could not open either."""
    return ExtractionError(
        f"This {kind} file is damaged or incomplete. Open it in the program it was made with, "
        "save it again and upload the new file.",
        code="damaged",
    )


def empty() -> ExtractionError:
    """Return the error of a file without any text."""
    return ExtractionError(
        "This file is empty: there is no text in it to answer from.", code="empty"
    )


def too_many_characters(limit: int) -> ExtractionError:
    """Return the error of a file with more text than is read."""
    return ExtractionError(
        f"This document has more than {limit:,} characters of text. Split it and upload the parts.",
        code="too_long",
    )


def too_many_pages(limit: int) -> ExtractionError:
    """Return the error of a file with more pages than are read."""
    return ExtractionError(
        f"This document has more than {limit:,} pages. Split it and upload the parts.",
        code="too_long",
    )


def too_deep(kind: str) -> ExtractionError:
    """Return the error of a file whose parts are inside each other beyond reason."""
    return ExtractionError(
        f"This {kind} is nested too deeply to be read. Save it in a simpler form (as PDF, for "
        "example) and upload that.",
        code="too_complex",
    )


def too_much_memory() -> ExtractionError:
    """Return the error of a file that needs more memory than it may have."""
    return ExtractionError(
        "This file needs more memory to be read than is allowed. Split it, or save it in a simpler "
        "form, and upload it again.",
        code="too_much_memory",
    )


def unreadable() -> ExtractionError:
    """Return the error of a file that the reader has no better word for."""
    return ExtractionError(
        "This file could not be read. Open it in the program it was made with, save it again and "
        "upload the new file; if that does not help, ask your administrator.",
        code="unreadable",
    )
