"""On real PDF files nearly every passage is found on the page, and hardly more than it."""

import pytest

from benchmarks.highlights import FILES, measure


@pytest.mark.skipif(not FILES.exists(), reason="the real files (../shared/data) are not here")
def test_nearly_every_passage_is_found_on_its_page() -> None:
    figures = measure(sorted(FILES.glob("*.pdf")))
    assert figures.passages > 500
    assert figures.complete >= 0.98 * figures.passages
    assert figures.exact >= 0.97 * figures.passages
