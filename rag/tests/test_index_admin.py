"""The pages of the index in Django admin: what each administrator sees there, and may ask for."""

import re

import pytest
from django.test import Client
from django_q.models import OrmQ

from accounts.models import User
from conftest import PASSWORD
from rag.models import IndexRun
from rag.services.index import check_every_index, run_now
from rag.tasks import run_on_index
from rag.tests.corruptions import CORRUPTIONS, copy_of, sound, unit
from rag.tests.library import published

LIST = "/admin/rag/organizationindex/"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def operator(outsider) -> User:
    return User.objects.create_superuser(
        "operator@rival.test", PASSWORD, organization=outsider.organization
    )


def words(response) -> str:
    """Return the text of a page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def page_of(client: Client, organization) -> str:
    return words(client.get(f"{LIST}{organization.pk}/change/"))


def press(client: Client, organization, action: str):
    """Press a button of the page, with what its form holds."""
    data = {"action": action, "_selected_action": organization.pk, "index": 0, "from_its_page": 1}
    return client.post(LIST, data)


def test_the_page_says_that_nothing_was_checked_yet(owner, admin, page_as):
    sound(owner)
    page = page_of(page_as(admin), owner.organization)
    assert "Not checked yet." in page
    assert "Compare it with the rows" in page


def test_the_page_shows_the_latest_check(owner, admin, page_as):
    sound(owner)
    run_now(organization=owner.organization, action="check")
    page = page_of(page_as(admin), owner.organization)
    assert "Index of Acme" in page
    assert "Consistent" in page
    assert "model fake (64 dimensions)" in page
    assert "As the rows say" in page
    assert "Faults found" not in page


def test_the_page_shows_what_is_wrong_and_what_to_do(owner, admin, page_as):
    CORRUPTIONS["words lost"].spoil(sound(owner))
    run_now(organization=owner.organization, action="check")
    page = page_of(page_as(admin), owner.organization)
    assert "1 chunk is not in the index of words" in page
    assert "Repair puts these chunks into the index of words" in page
    assert "Faults found" in words(page_as(admin).get(LIST))


def test_the_page_shows_what_this_process_has_in_memory(owner, admin, page_as):
    from rag.index.registry import get_vector_index

    sound(owner)
    run_now(organization=owner.organization, action="check")
    copy_of(get_vector_index(), owner).view.parts[0].vectors[0] = unit(9)
    page = page_of(page_as(admin), owner.organization)
    assert "Differs from the rows" in page
    assert "1 altered" in page


@pytest.mark.parametrize("action", ["check", "repair", "rebuild"])
def test_a_button_queues_it_and_the_page_shows_the_result(
    owner, admin, page_as, action, django_capture_on_commit_callbacks
):
    CORRUPTIONS["words lost"].spoil(sound(owner))
    client = page_as(admin)
    with django_capture_on_commit_callbacks(execute=True):
        answer = press(client, owner.organization, f"{action}_index")
    assert answer.url == f"{LIST}{owner.organization_id}/change/"
    assert OrmQ.objects.count() == 1
    waiting = client.get(answer.url)
    assert "Waiting for a worker" in words(waiting)
    assert b'http-equiv="refresh"' in waiting.content
    run_on_index(IndexRun.objects.get().pk)
    done = client.get(answer.url)
    assert "Finished" in words(done)
    assert b'http-equiv="refresh"' not in done.content
    assert ("Faults found" in words(done)) == (action == "check")


def test_buttons_need_the_token_of_the_page(owner, admin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert press(client, owner.organization, "repair_index").status_code == 403
    page = client.get(f"{LIST}{sound(owner).owner.organization_id}/change/").content.decode()
    assert page.count('name="csrfmiddlewaretoken"') >= 3


def test_another_organizations_index_is_neither_shown_nor_touched(
    owner, admin, outsider, outside_admin, page_as
):
    sound(owner)
    published(outsider, "beta")
    client = page_as(outside_admin)
    assert "Acme" not in words(client.get(LIST))
    assert client.get(f"{LIST}{owner.organization_id}/change/").status_code == 302
    press(client, owner.organization, "repair_index")
    assert not IndexRun.objects.exists()


def test_a_user_has_no_such_pages(owner, colleague, page_as):
    sound(owner)
    press(page_as(colleague), owner.organization, "rebuild_index")
    assert not IndexRun.objects.exists()


def test_what_belongs_to_no_organization_is_shown_to_the_operator_alone(
    owner, admin, operator, page_as
):
    world = sound(owner)
    CORRUPTIONS["page of nothing"].spoil(world)
    check_every_index()
    told = "1 row refers to another row that is not there."
    assert told in page_of(page_as(operator), owner.organization)
    assert told not in page_of(page_as(admin), owner.organization)
    run_now(organization=None, action="repair")
    repaired = page_of(page_as(operator), owner.organization)
    assert "What the repair began with 1 row refers" in repaired


def test_the_operator_sees_every_index(owner, outsider, operator, page_as):
    sound(owner)
    published(outsider, "beta")
    page = words(page_as(operator).get(LIST))
    assert "Acme" in page
    assert "Rival" in page
