"""Background work of `documents`; a schedule calls it by its dotted name."""

from documents import files


def remove_deleted_files() -> int:
    """Remove the files that a crash left after a delete or in an upload; return how many went."""
    return files.remove_due()
