"""Background work of `documents`; a schedule calls it by its dotted name."""

from documents import files
from documents.page_images import sweep_page_images


def remove_deleted_files() -> int:
    """Remove what a crash left after a delete or in an upload; return how many files went."""
    sweep_page_images()
    return files.remove_due()
