"""An organization is deleted with everything of it, whatever dies meanwhile, and others stay."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from django.test import Client
from django_q.models import OrmQ

from accounts.audit.verification import verify
from accounts.models import AuditEvent, Organization, User
from accounts.services import request_removal
from conftest import PASSWORD
from documents.models import Document, FileDeletion
from documents.services import upload_document
from knowledge.lib.errors import Conflict
from knowledge.tests.conftest import World, world  # noqa: F401  a fixture
from rag import tasks
from rag.index.registry import get_vector_index
from rag.services import organization_removal
from rag.services.organization_removal import abandoned_removals, leftovers, remove_organization
from rag.tests.library import published

pytestmark = pytest.mark.django_db(transaction=True)


def requested(organization: Organization) -> Organization:
    return request_removal(organization=organization, ring=False)


def test_nothing_is_left_but_the_trail_and_others_keep_theirs(
    world: World,  # noqa: F811
    settings,
    organization,
    owner,
    outsider,
) -> None:
    kept = published(outsider, "Rivals keep what is theirs.")
    get_vector_index().rebuild(organization.pk)
    Client().post("/api/auth/login", {"username": owner.email, "password": PASSWORD})
    settings.PAGE_CACHE_DIR = settings.MEDIA_ROOT.parent / "pages"
    (settings.PAGE_CACHE_DIR / str(world.ids["document"])).mkdir(parents=True)
    aside = settings.MEDIA_ROOT / "without-row" / f"{world.ids['document']}.txt"
    aside.parent.mkdir()
    aside.write_text("x")
    before = leftovers(organization.pk)
    assert sum(map(bool, before.values())) > 8
    with pytest.raises(Conflict):
        remove_organization(organization_id=organization.pk)  # nobody asked for it
    removal = remove_organization(organization_id=requested(organization).pk)
    assert removal is not None
    assert removal.documents == 1
    assert leftovers(organization.pk) == dict.fromkeys(before, 0)
    assert [path.name for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []
    assert list(Document.objects.values_list("pk", flat=True)) == [kept.pk]
    assert set(User.objects.values_list("organization__name", flat=True)) == {"Rival"}
    assert remove_organization(organization_id=organization.pk) is None
    assert verify(organization.pk).is_whole
    trail = AuditEvent.objects.of_chain(organization.pk)
    assert list(trail.values_list("action", flat=True))[-1] == "organization.deleted"
    assert AuditEvent.objects.of_chain(None).filter(action="organization.deleted").count() == 1


@pytest.mark.parametrize("step", ["files_known_of", "get_vector_index", "_delete_people"])
def test_a_removal_that_died_is_finished_by_the_next(
    world: World,  # noqa: F811
    organization,
    monkeypatch,
    step: str,
) -> None:
    requested(organization)
    with monkeypatch.context() as patch:
        patch.setattr(organization_removal, step, lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            remove_organization(organization_id=organization.pk)
    assert abandoned_removals() == []  # its worker was seen a moment ago
    Organization.objects.update(removal_seen_at="2020-01-01 00:00+00:00")
    assert abandoned_removals() == [organization.pk]
    OrmQ.objects.all().delete()
    tasks.sweep()
    tasks_queued = [row.task for row in OrmQ.objects.all()]
    [queued] = [t for t in tasks_queued if t["func"] == "rag.tasks.remove_organization"]
    tasks.remove_organization(*queued["args"])
    assert not any(leftovers(organization.pk).values())


def test_an_upload_that_came_meanwhile_makes_the_next_run_delete_it(
    media, organization, owner, monkeypatch
) -> None:
    requested(organization)

    def late(*args, **kwargs) -> int:
        owner.organization.suspended_at = None  # it was let in before
        upload_document(owner=owner, file=io.BytesIO(b"late"), filename="late.txt")
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(organization_removal, "delete_all_of", late)
        with pytest.raises(ProtectedError):
            remove_organization(organization_id=organization.pk)
    remove_organization(organization_id=organization.pk)
    assert not any(leftovers(organization.pk).values())
    assert not FileDeletion.objects.exists()


@pytest.fixture
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def test_the_command_deletes_and_says_what_is_left(media, organization, owner) -> None:
    published(owner, "Some text.")
    said = io.StringIO()
    call_command("delete_organization", "acme", yes=True, stdout=said)
    assert "Deleted Acme: 1 documents" in said.getvalue()
    assert "Nothing of it is left but its audit trail." in said.getvalue()
    with pytest.raises(CommandError):
        call_command("delete_organization", "acme", yes=True)


def test_an_operators_organization_is_not_deleted(organization, owner) -> None:
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    with pytest.raises(Conflict):
        requested(organization)
