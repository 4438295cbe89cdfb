"""The list, its filters and its polling; a document's page; a page of its text."""

import pytest
from django.test import Client

from documents.models import Document
from documents.passages import MarkedText, mark

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def set_status(document, status, **columns):
    Document.objects.filter(pk=document.pk).update(status=status, **columns)


# --- list ---------------------------------------------------------------------------------------


def test_newest_come_first_and_filters_narrow(page_as, upload, owner):
    old, new = upload(filename="Old plan.txt"), upload(filename="New plan.md")
    set_status(old, "failed")
    client = page_as(owner)

    def names(query: str = "") -> list[str]:
        answer = client.get(f"/documents/{query}")
        return [document.filename for document in answer.context["documents"]]

    assert names() == ["New plan.md", "Old plan.txt"]
    assert names("?search=old") == ["Old plan.txt"]
    assert names("?status=uploaded") == ["New plan.md"]
    assert names("?status=completed") == []
    assert names("?search=100%25_") == []
    assert names("?status=nonsense&page=99") == ["New plan.md", "Old plan.txt"]
    assert new.filename


def test_a_search_by_htmx_gets_the_list_alone(page_as, upload, owner):
    upload()
    answer = page_as(owner).get("/documents/", headers={**HTMX, "HX-Target": "documents"})
    assert "<html" not in answer.content.decode()
    assert 'id="documents"' in answer.content.decode()


def test_the_list_is_shown_in_parts(page_as, upload, owner):
    for number in range(27):
        upload(filename=f"{number}.txt")
    client = page_as(owner)
    first, second = client.get("/documents/"), client.get("/documents/?page=2")
    assert (len(first.context["documents"]), len(second.context["documents"])) == (25, 2)
    assert "1\u201325 of 27" in first.content.decode()
    assert "26\u201327 of 27" in second.content.decode()
    assert 'rel="next"' in client.get("/documents/?search=.txt").content.decode()


def test_a_long_list_takes_no_more_queries(page_as, upload, owner, django_assert_max_num_queries):
    for number in range(20):
        upload(filename=f"{number}.txt")
    client = page_as(owner)
    with django_assert_max_num_queries(10):
        client.get("/documents/")


def test_an_empty_list_says_what_to_do(page_as, upload, owner):
    client = page_as(owner)
    assert "No documents yet" in client.get("/documents/").content.decode()
    upload()
    assert "No document matches" in client.get("/documents/?search=zzz").content.decode()


def test_names_are_escaped(page_as, upload, owner):
    upload(filename="<script>alert(1)</script>.txt")
    text = page_as(owner).get("/documents/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" not in text.replace("&lt;", "<")  # escaped once, not twice


def test_polling_goes_on_only_while_something_shown_is_in_progress(page_as, upload, owner):
    document = upload()
    client = page_as(owner)
    trigger = 'hx-trigger="every 2s"'
    status = f"/documents/status?id={document.pk}"
    assert trigger in client.get("/documents/").content.decode()

    set_status(document, "processing", stage="embedding", progress=40)
    text = client.get(status, headers=HTMX).content.decode()
    assert trigger in text
    assert "Computing embeddings · 40 %" in text
    assert f'id="status-{document.pk}" hx-swap-oob="true"' in text

    set_status(document, "failed", error_message="It is <encrypted>.")
    text = client.get(status, headers=HTMX).content.decode()
    assert trigger not in text
    assert 'id="status-poll"' in text
    assert "It is &lt;encrypted&gt;." in text
    assert trigger not in client.get("/documents/").content.decode()

    set_status(document, "completed")
    assert trigger not in client.get(status).content.decode()
    assert trigger not in client.get("/documents/?status=completed").content.decode()


def test_nothing_that_is_asked_for_breaks_the_poll(page_as, owner):
    answer = page_as(owner).get("/documents/status?id=nonsense&id=&id=1&other=2")
    assert answer.status_code == 200
    assert "hx-trigger" not in answer.content.decode()


def test_a_retry_starts_the_polling_again(page_as, failed, owner):
    document = failed()
    answer = page_as(owner).post(f"/documents/{document.pk}/retry", headers=HTMX)
    text = answer.content.decode()
    assert 'hx-trigger="every 2s"' in text
    assert "Waiting" in text


def test_a_retry_is_offered_to_who_may(page_as, failed, owner, colleague):
    failed(visibility="organization")
    assert "Try again" in page_as(owner).get("/documents/").content.decode()
    assert "Try again" not in page_as(colleague).get("/documents/").content.decode()


# --- one document, one page ---------------------------------------------------------------------


def test_the_document_shows_its_facts_pages_and_passages(page_as, completed, owner):
    document = completed()
    client = page_as(owner)
    text = client.get(f"/documents/{document.pk}").content.decode()
    assert document.sha256 in text
    assert "Page 2" in text
    assert "Booked &lt;b&gt;early" in text

    passages = client.get(f"/documents/{document.pk}/passages").content.decode()
    assert f"/documents/{document.pk}/pages/2?start=0&amp;end=12#passage" in passages
    part = client.get(
        f"/documents/{document.pk}/passages", headers={**HTMX, "HX-Target": "passages"}
    )
    assert "<html" not in part.content.decode()


def test_a_page_shows_its_text_escaped_with_the_span_marked(page_as, completed, owner):
    document = completed()
    client = page_as(owner)
    text = client.get(f"/documents/{document.pk}/pages/1?start=12&end=18").content.decode()
    assert '<mark id="passage" tabindex="-1">Booked</mark> &lt;b&gt;early&lt;/b&gt;' in text
    assert 'rel="next"' in text
    assert 'rel="prev"' not in text
    assert "<mark" not in client.get(f"/documents/{document.pk}/pages/2").content.decode()
    assert client.get(f"/documents/{document.pk}/pages/3").status_code == 404


@pytest.mark.parametrize(
    ("start", "end", "marked"),
    [
        ("0", "5", "First"),
        ("6", "9999", "page."),
        ("9999", "99999", ""),
        ("5", "5", ""),
        ("9", "2", ""),
        ("-3", "4", ""),
        ("a", "b", ""),
        ("²", "5", ""),
        (None, "5", ""),
        ("0", "9" * 5000, ""),
    ],
)
def test_a_span_is_clamped_to_the_text_or_ignored(start, end, marked):
    parts = mark("First page.", start, end)
    assert parts.passage == marked
    assert parts.before + parts.passage + parts.after == "First page."
    if not marked:
        assert parts == MarkedText("First page.")


# --- CSRF ---------------------------------------------------------------------------------------


def test_a_form_from_elsewhere_changes_nothing(failed, admin):
    document = failed()
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    before = Document.objects.values().get()
    for path in ("upload", f"{document.pk}/share", f"{document.pk}/retry", f"{document.pk}/delete"):
        given = {"visibility": "organization"}
        assert client.post(f"/documents/{path}", given).status_code == 403, path
    for method, end in [("post", ""), ("patch", f"/{document.pk}"), ("delete", f"/{document.pk}")]:
        assert getattr(client, method)(f"/api/documents{end}").status_code == 403
    assert Document.objects.values().get() == before


def test_reading_changes_nothing(page_as, failed, admin):
    document = failed()
    client = page_as(admin)
    for end in ("share", "retry"):
        assert client.get(f"/documents/{document.pk}/{end}").status_code == 405
    client.get(f"/documents/{document.pk}/delete")
    assert Document.objects.get() == document


def test_the_sentence_is_marked_and_the_rest_of_its_passage_lightly():
    text = "Before. One. Two. Three. After."
    parts = mark(text, "13", "17", "8", "24")
    assert (parts.before, parts.lead, parts.passage, parts.tail, parts.after) == (
        "Before. ",
        "One. ",
        "Two.",
        " Three.",
        " After.",
    )


@pytest.mark.parametrize(("first", "last"), [("14", "24"), ("8", "15"), ("x", ""), (None, "24")])
def test_a_passage_that_is_not_around_the_sentence_is_left_out(first, last):
    parts = mark("Before. One. Two. Three. After.", "13", "17", first, last)
    assert (parts.lead, parts.passage, parts.tail) == ("", "Two.", "")
