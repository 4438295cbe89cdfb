"""Background work of `documents`; a schedule calls it by its dotted name."""

from documents import files
from documents.page_cache import sweep_page_images
from documents.uploads import forget_old_batches


def remove_deleted_files() -> int:
    """Remove what a crash left after a delete or in an upload; return how many files went.

    What is noted about uploads that are long over goes too.
    """
    sweep_page_images()
    forget_old_batches()
    return files.remove_due()
