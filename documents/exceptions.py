"""Why a document could not be read, in words for the person who uploaded it."""


class DocumentFailure(Exception):
    """Ingestion of one document failed.

    Args:
        message: one sentence that says what to do; it is stored on the row and shown.
        code: a stable word for scripts and statistics.
        may_pass: whether another try can succeed without a new file.
        counts: whether it uses up one of the document's attempts; not, where the document has
            nothing to do with it.
    """

    def __init__(
        self, message: str, *, code: str, may_pass: bool = False, counts: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.may_pass = may_pass
        self.counts = counts
