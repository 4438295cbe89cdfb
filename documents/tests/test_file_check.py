"""Files against rows: what has no row is set aside and never deleted; what has no file is told."""

import hashlib
import os
import uuid
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from documents import files
from documents.file_check import SET_ASIDE, bring_back, check_files, set_aside, spare
from documents.models import Document, DocumentVersion, FileDeletion
from documents.services import delete_documents, upload_document


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def upload(owner, text: str = "Some text.") -> Document:
    content = ContentFile(text.encode(), name="note.txt")
    return upload_document(owner=owner, file=content, filename="note.txt", ingest=False)


def stray(*, hours: float = 25, key: uuid.UUID | None = None) -> str:
    name = default_storage.save(f"{key or uuid.uuid4()}.txt", ContentFile(b"lost work"))
    then = timezone.now().timestamp() - hours * 3600
    os.utime(default_storage.path(name), (then, then))
    return name


def test_an_uploaded_document_has_its_file_and_the_file_its_row(owner):
    upload(owner)
    found = check_files(owner.organization)
    assert (found.stored, found.without_row, found.lost, found.other_size) == (1, (), (), ())


def test_a_file_without_a_row_is_found_after_a_day(owner):
    old, young = stray(), stray(hours=23)
    found = check_files(owner.organization)
    assert (found.without_row, found.recent_without_row) == ((old,), (young,))


def test_an_upload_in_flight_is_nothing_to_find(owner):
    with files.reserved(f"{uuid.uuid4()}.txt") as reservation:
        reservation.write(ContentFile(b"half"), filename="note.txt")
        name = FileDeletion.objects.get().path
        os.utime(default_storage.path(name), (0, 0))
        found = check_files(owner.organization)
        assert (found.without_row, found.recent_without_row) == ((), ())


def test_it_is_set_aside_and_nothing_of_it_is_lost(owner):
    name = stray()
    assert set_aside([name]) == 1
    found = check_files(owner.organization)
    assert (found.without_row, found.set_aside) == ((), 1)
    assert default_storage.open(f"{SET_ASIDE}/{name}").read() == b"lost work"


def test_a_file_that_has_a_row_by_now_is_not_set_aside(owner):
    document = upload(owner)
    assert set_aside([str(document.file.name)]) == 0
    assert default_storage.exists(str(document.file.name))


def test_a_document_gets_its_own_file_back_from_there(owner):
    document = upload(owner)
    name = str(document.file.name)
    Document.objects.filter(pk=document.pk).update(file="elsewhere.txt")
    set_aside([name])
    Document.objects.filter(pk=document.pk).update(file=name)
    assert check_files(owner.organization).lost == (document.pk,)
    assert bring_back([document.pk]) == 1
    assert check_files(owner.organization).lost == ()


def test_a_file_of_other_bytes_is_not_brought_back(owner):
    document = upload(owner)
    name = str(document.file.name)
    default_storage.delete(name)
    default_storage.save(f"{SET_ASIDE}/{name}", ContentFile(b"Other text."))
    assert bring_back([document.pk]) == 0


def test_a_file_of_another_size_is_told(owner):
    document = upload(owner)
    with default_storage.open(str(document.file.name), "wb") as file:
        file.write(b"Some")
    assert check_files(owner.organization).other_size == (document.pk,)


def test_files_of_a_deleted_document_that_stay_are_told_to_its_organization(
    owner, admin, outsider, django_capture_on_commit_callbacks
):
    upload(owner)
    document = upload(owner, "Other text.")
    name = str(document.file.name)
    with django_capture_on_commit_callbacks(execute=True):
        delete_documents(documents=Document.objects.filter(pk=document.pk), actor=admin)
    assert check_files(owner.organization).without_row == ()
    stray(key=document.pk)
    assert check_files(owner.organization).without_row == (name,)
    assert check_files(outsider.organization).without_row == ()
    assert check_files(None).without_row == ()


def test_a_file_that_no_trail_knows_is_nobodys_where_there_are_several(owner, outsider):
    name = stray()
    assert check_files(owner.organization).without_row == ()
    assert check_files(outsider.organization).without_row == ()
    assert check_files(None).without_row == (name,)


def test_what_lies_deeper_or_is_hidden_is_not_a_stored_file(owner):
    default_storage.save("previews/page.png", ContentFile(b"1"))
    default_storage.save(".hidden", ContentFile(b"1"))
    assert check_files(owner.organization).stored == 0


def test_a_journal_entry_that_names_a_documents_file_is_found_and_taken_out(owner, outsider):
    document, other = upload(owner), upload(outsider)
    for each in (document, other):
        FileDeletion.objects.create(path=str(each.file.name))
    assert check_files(owner.organization).threatened == (str(document.file.name),)
    assert spare(owner.organization) == 1
    assert [entry.path for entry in FileDeletion.objects.all()] == [str(other.file.name)]


def test_a_removal_is_overdue_after_an_hour(owner):
    now = timezone.now()
    for minutes in (59, 61):
        FileDeletion.objects.create(
            path=f"{minutes}.txt", not_before=now - timedelta(minutes=minutes)
        )
    assert check_files(owner.organization).overdue == ("61.txt",)


@pytest.mark.django_db
def test_files_of_earlier_versions_belong_to_their_document(owner, settings):
    document, media = upload(owner), settings.MEDIA_ROOT
    name = f"{uuid.uuid4()}.txt"
    (media / name).write_bytes(b"Earlier.")
    earlier = DocumentVersion.objects.create(
        document=document,
        number=1,
        filename="travel.txt",
        content_type="text/plain",
        size=8,
        sha256=hashlib.sha256(b"Earlier.").hexdigest(),
        file=name,
        uploaded_by=owner,
        uploaded_at=document.created_at,
    )
    found = check_files(document.organization)
    assert (found.without_row, found.recent_without_row, found.lost, found.other_size) == (
        *[()] * 4,
    )
    earlier.size = 9
    earlier.save()
    assert check_files(document.organization).other_size == (document.pk,)
    FileDeletion.objects.create(path=name)
    assert check_files(document.organization).threatened == (name,)
    assert spare(document.organization) == 1
    (media / "without-row").mkdir(exist_ok=True)
    (media / name).rename(media / "without-row" / name)
    assert check_files(document.organization).lost == (document.pk,)
    assert bring_back([document.pk]) == 1
    assert check_files(document.organization).lost == ()
