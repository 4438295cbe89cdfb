"""How a page is shown as it is printed: its picture, and the passage on it."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response

from documents.models import Document, Page
from documents.page_highlights import Rectangle, highlight
from documents.page_images import (
    WIDTHS,
    NoPicture,
    has_images,
    nearest_width,
    page_image,
    page_image_tag,
    page_layout_of,
)
from documents.passages import MarkedText
from knowledge.lib.errors import Overloaded


@dataclass(frozen=True)
class Preview:
    """The picture of a page.

    Attributes:
        width, height: points, of which a browser takes the proportion.
        rectangles: of what is cited, in points from the upper left corner; none where it is not
            found among the printed characters.
        around: of the rest of its passage.
        widths: pixels, which the picture can be had in.
    """

    width: float
    height: float
    rectangles: tuple[Rectangle, ...]
    around: tuple[Rectangle, ...] = ()
    widths: tuple[int, ...] = WIDTHS


def preview_of(document: Document, page: Page, text: MarkedText) -> Preview | None:
    """Return how the page is shown; None where only its text can be.

    Args:
        document: it was looked up for the reader.
        page: one of its pages.
        text: the page's, with the passage that is cited, if one is.
    """
    if not has_images(document):
        return None
    try:
        layout = page_layout_of(document, page.number)
    except (NoPicture, Overloaded):
        return None
    first = len(text.before)
    start = first + len(text.lead)
    end = start + len(text.passage)
    rectangles = highlight(layout, page.text, start, end)
    around = (
        *highlight(layout, page.text, first, start),
        *highlight(layout, page.text, end, end + len(text.tail)),
    )
    return Preview(layout.width, layout.height, rectangles, around)


def image_answer(request: HttpRequest, document: Document, number: int) -> HttpResponse:
    """Return the picture of a page as an answer, or 304 where the browser has it.

    SECURITY: a browser may keep the picture but has to ask before each use (`no-cache`), and the
    caller has looked the document up for the reader before this is reached: after a delete, or
    when it is shared no more, not even what the browser keeps is shown.

    Raises:
        NoPicture, Overloaded, NotFound: as `page_image`.
    """
    if not has_images(document):
        raise NoPicture
    width = nearest_width(request.GET.get("width", ""))
    tag = page_image_tag(document, number, width)
    answer = get_conditional_response(request, etag=tag)
    if answer is None:
        image = page_image(document, number, width)
        answer = HttpResponse(image, content_type="image/webp", headers={"ETag": tag})
    answer.headers["Cache-Control"] = "private, no-cache"
    # SECURITY: the bytes come from a process that has read a hostile file.
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
