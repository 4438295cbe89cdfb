"""A new name is searched from its commit on, whatever was being done with the document."""

import pytest

from documents.editing import edit_document
from documents.leases import claim
from documents.models import Document
from rag.index.registry import get_lexical_index
from rag.index.scope import Scope
from rag.index.versions import get_state
from rag.integrity.faults import Fault
from rag.publishing import publish
from rag.services.index import check_index
from rag.tests.library import job_of, published, uploaded

pytestmark = pytest.mark.django_db


def found(word: str, user) -> list[str]:
    """Return the names of the documents that the index of words finds."""
    hits = get_lexical_index().search(
        word,
        k=10,
        state=get_state(user.organization_id),
        within=Scope(Document.objects.visible_to(user)),
    )
    keys = [hit.chunk_id for hit in hits]
    documents = Document.objects.filter(chunks__in=keys).distinct()
    return sorted(documents.values_list("filename", flat=True))


def test_the_words_of_the_new_name_find_it_and_those_of_the_old_one_do_not(owner, organization):
    document = published(owner, "Annual leave.", "Sick leave.", filename="wombat.txt")
    published(owner, "Another.", filename="other.txt")
    assert found("wombat", owner) == ["wombat.txt"]
    version = get_state(organization.pk).version
    edit_document(document=document, actor=owner, filename="quokka rules")
    assert found("wombat", owner) == []
    assert found("quokka", owner) == ["quokka rules.txt"]
    assert get_state(organization.pk).version == version + 1
    found_faults = check_index(organization=organization, thorough=True).findings
    assert {finding.kind for finding in found_faults} == {Fault.FILE_LOST}  # there never were any


def test_a_document_with_a_title_of_its_own_is_searched_by_that(owner, organization):
    document = published(owner, "Annual leave.", filename="wombat.txt")
    Document.objects.update(title="Koala")
    version = get_state(organization.pk).version
    edit_document(document=document, actor=owner, filename="quokka")
    assert get_state(organization.pk).version == version


def test_a_name_given_while_it_is_read_is_the_one_that_is_searched(owner):
    document = uploaded(owner, filename="wombat.txt")
    [lease] = claim(limit=1)
    job = job_of(document, lease, "Annual leave.")
    edit_document(document=Document.objects.get(), actor=owner, filename="quokka")
    assert publish(job)
    assert found("wombat", owner) == []
    assert found("quokka", owner) == ["quokka.txt"]
