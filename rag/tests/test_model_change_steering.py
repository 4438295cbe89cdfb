"""Who may change the embedding model, from where, and what is said and recorded about it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django_q.models import OrmQ

from accounts.models import AuditEvent
from knowledge.lib import health
from knowledge.lib.errors import Conflict, NotAllowed, NotFound
from rag import reembedding, tasks
from rag.checks import check_embedding_model, check_evaluation_set
from rag.embedding.registry import EmbedderUnavailable
from rag.index.versions import get_state
from rag.models import ModelChange, OrganizationIndex
from rag.retrieval import retrieve
from rag.services.model_change import cancel, prune, roll_back, start_change, switch
from rag.services.model_change_run import run_change
from rag.tests.library import published, uploaded

NEW = "fake-wide"


def change_to(organization, model: str = NEW, **options) -> ModelChange:
    change = start_change(organization=organization, model=model, actor=None, **options)
    return run_change(change_id=change.pk)


def actions(organization) -> list[str]:
    events = AuditEvent.objects.filter(organization=organization, action__startswith="model_change")
    return [event.action.partition(".")[2] for event in events.order_by("id")]


def reembed(*arguments: str) -> str:
    output = StringIO()
    call_command("reembed", *arguments, stdout=output)
    return output.getvalue()


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [switch, roll_back, cancel, prune])
def test_only_an_admin_of_the_organization_steers(owner, outside_admin, organization, act):
    for actor in (owner, outside_admin):
        with pytest.raises(NotAllowed):
            act(organization=organization, actor=actor)


def test_only_an_admin_of_the_organization_starts(owner, outside_admin, organization):
    for actor in (owner, outside_admin):
        with pytest.raises(NotAllowed):
            start_change(organization=organization, model=NEW, actor=actor)
    assert not ModelChange.objects.exists()


def test_the_trail_tells_who_did_what(admin, owner, organization):
    published(owner, "a")
    change = start_change(organization=organization, model=NEW, actor=admin)
    run_change(change_id=change.pk)
    run_change(change_id=roll_back(organization=organization, actor=admin).pk)
    start_change(organization=organization, model=NEW, actor=admin)
    cancel(organization=organization, actor=admin)
    prune(organization=organization, actor=admin)
    assert actions(organization) == [
        "started",
        "switched",
        "rollback_started",
        "rolled_back",
        "started",
        "cancelled",
        "pruned",
    ]
    assert {event.actor for event in AuditEvent.objects.all()} == {admin}
    assert AuditEvent.objects.get(action="model_change.switched").details == {
        "model": NEW,
        "previous_model": "fake",
    }


# --- what is refused ------------------------------------------------------------------------------


def test_one_change_at_a_time(organization):
    change = start_change(organization=organization, model=NEW, actor=None)
    assert start_change(organization=organization, model=NEW, actor=None).pk == change.pk
    with pytest.raises(Conflict, match="A change to fake-wide is under way"):
        start_change(organization=organization, model="fake", actor=None)
    with pytest.raises(Conflict, match="never changed to"):
        roll_back(organization=organization, actor=None)


def test_the_model_in_use_and_an_unknown_one_are_refused(organization):
    with pytest.raises(Conflict, match="fake is the model in use"):
        start_change(organization=organization, model="fake", actor=None)
    with pytest.raises(EmbedderUnavailable, match="'nonsense' is not one of"):
        start_change(organization=organization, model="nonsense", actor=None)


def test_a_model_without_its_package_is_refused_with_the_packages_name(organization, monkeypatch):
    monkeypatch.setattr("rag.embedding.fake.WideFakeEmbedder.packages", ["no_such_package"])
    with pytest.raises(EmbedderUnavailable, match="needs the Python package no_such_package"):
        start_change(organization=organization, model=NEW, actor=None)


def test_nothing_under_way_cannot_be_switched_or_cancelled(organization):
    for act in (switch, cancel):
        with pytest.raises(NotFound, match="No change of the embedding model"):
            act(organization=organization, actor=None)


# --- settings -------------------------------------------------------------------------------------


def test_an_organization_keeps_its_model_when_the_setting_changes(
    organization, other_organization, settings
):
    assert get_state(organization.pk).model == "fake"
    settings.EMBEDDING_MODEL = NEW
    assert get_state(organization.pk).model == "fake"
    assert get_state(other_organization.pk).model == NEW


def test_a_model_that_is_not_configured_any_more_is_named_instead_of_searched_with(
    owner, organization
):
    published(owner, "a")
    assert "embedding" not in health.failing()
    OrganizationIndex.objects.update(model="retired")
    assert "embedding" in health.failing()
    with pytest.raises(EmbedderUnavailable, match="'retired' is not one of") as refusal:
        retrieve(user=owner, query="a", top_k=1)
    assert refusal.value.status == 503
    assert change_to(organization).status == "switched"  # the way out
    assert "embedding" not in health.failing()
    assert retrieve(user=owner, query="a", top_k=1).passages


def test_the_system_checks_name_a_wrong_model_and_a_missing_evaluation_set(settings):
    assert check_embedding_model() == check_evaluation_set() == []
    settings.EMBEDDING_MODEL = "nonsense"
    settings.REEMBED_EVALUATION_SET = "/nowhere.jsonl"
    assert "'nonsense' is not one of" in check_embedding_model()[0].msg
    assert "/nowhere.jsonl" in check_evaluation_set()[0].msg


# --- the worker -----------------------------------------------------------------------------------


def test_the_sweeper_rings_for_a_change_that_nobody_works_on(owner, organization):
    published(owner, "a")
    change = start_change(organization=organization, model=NEW, actor=None)
    tasks.sweep()
    tasks.sweep()
    assert [task.func() for task in OrmQ.objects.all()] == ["rag.tasks.change_model"]
    tasks.change_model(change.pk)
    assert get_state(organization.pk).model == NEW
    OrmQ.objects.all().delete()
    tasks.sweep()
    assert not OrmQ.objects.exists()


def test_a_change_that_waits_for_somebody_is_not_rung_for(organization):
    change_to(organization, switch_when_ready=False)
    tasks.sweep()
    assert not OrmQ.objects.exists()


def test_the_worker_lets_waiting_documents_go_first_and_rings_again(
    owner, organization, monkeypatch
):
    monkeypatch.setattr(reembedding, "BATCH_SIZE", 1)
    published(owner, "a", "b", "c")
    uploaded(owner)
    change = start_change(organization=organization, model=NEW, actor=None)
    tasks.change_model(change.pk)
    change.refresh_from_db()
    assert (change.status, change.done) == ("building", 1)
    assert [task.func() for task in OrmQ.objects.all()] == ["rag.tasks.change_model"]


def test_a_change_of_a_deleted_organization_is_forgotten(organization):
    change = start_change(organization=organization, model=NEW, actor=None)
    organization.delete()
    tasks.change_model(change.pk)
    assert not ModelChange.objects.exists()


# --- the command ----------------------------------------------------------------------------------


def test_the_command_changes_shows_rolls_back_and_prunes(owner, organization):
    published(owner, "a", "b")
    output = reembed("--model", NEW)
    assert "Acme: fake to fake-wide, 0 of 2 passages (0 %)" in output
    assert "Acme: 2 of 2 passages (100 %)" in output
    assert "Acme: queries use fake-wide since" in output
    assert "Acme: fake-wide is in use" in reembed("--status")
    assert "queries use fake since" in reembed("--rollback", "--organization", "acme")
    assert "2 vectors of models not in use are deleted" in reembed("--prune")
    assert get_state(organization.pk).model == "fake"


def test_the_command_builds_without_switching_and_switches_later(owner, organization):
    published(owner, "a")
    assert "ready; --switch lets queries use it" in reembed("--model", NEW, "--no-switch")
    assert get_state(organization.pk).model == "fake"
    reembed("--switch")
    assert get_state(organization.pk).model == NEW


def test_the_command_works_on_every_organization_and_goes_on_after_one_refuses(
    organization, other_organization
):
    change_to(organization)
    output = reembed("--model", NEW)
    assert "Acme: fake-wide is the model in use." in output
    assert "Rival: queries use fake-wide since" in output


def test_the_command_says_what_is_wrong(organization):
    with pytest.raises(CommandError, match="'nonsense' is not one of"):
        reembed("--model", "nonsense")
    with pytest.raises(CommandError, match="No change"):
        reembed("--cancel")
    start_change(organization=organization, model=NEW, actor=None)
    assert "the change to fake-wide is cancelled" in reembed("--cancel")


# --- Django admin ---------------------------------------------------------------------------------


def test_an_admin_starts_a_change_in_django_admin_and_sees_how_far_it_is(
    admin, owner, organization, other_organization, page_as, django_capture_on_commit_callbacks
):
    published(owner, "a", "b")
    client = page_as(admin)
    page = client.get(reverse("admin:rag_modelchange_add")).content.decode()
    assert NEW in page
    assert "Rival" not in page
    assert ">fake<" not in page  # it stands in for a model in tests
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            reverse("admin:rag_modelchange_add"),
            {"organization": organization.pk, "model": NEW, "switch_when_ready": "on"},
        )
    assert answer.status_code == 302
    change = ModelChange.objects.get()
    assert (change.started_by, change.status) == (admin, "building")
    assert [task.func() for task in OrmQ.objects.all()] == ["rag.tasks.change_model"]
    listed = client.get(reverse("admin:rag_modelchange_changelist")).content.decode()
    assert '<progress max="100" value="0">0 %</progress> 0 of 2' in listed


@pytest.mark.parametrize(
    ("action", "told"), [("cancel", "Cancelled"), ("switch_now", "as soon as it is complete")]
)
def test_an_admin_steers_an_open_change_in_django_admin(admin, organization, page_as, action, told):
    change = change_to(organization, switch_when_ready=False)
    answer = page_as(admin).post(
        reverse("admin:rag_modelchange_changelist"),
        {"action": action, "_selected_action": [change.pk]},
        follow=True,
    )
    assert told in answer.content.decode()
    change.refresh_from_db()
    assert (change.status, change.switch_when_ready) in {("cancelled", False), ("ready", True)}


def test_an_admin_rolls_back_in_django_admin(admin, organization, page_as):
    change = change_to(organization)
    page_as(admin).post(
        reverse("admin:rag_modelchange_changelist"),
        {"action": "roll_back", "_selected_action": [change.pk]},
    )
    back = ModelChange.objects.open().get()
    assert (back.model, back.is_rollback) == ("fake", True)


def test_what_the_service_refuses_is_said_in_django_admin(admin, organization, page_as):
    change_to(organization)
    answer = page_as(admin).post(
        reverse("admin:rag_modelchange_add"),
        {"organization": organization.pk, "model": NEW, "switch_when_ready": "on"},
        follow=True,
    )
    assert "fake-wide is the model in use." in answer.content.decode().lower()


def test_an_admin_sees_and_steers_no_change_of_another_organization(admin, outsider, page_as):
    theirs = start_change(organization=outsider.organization, model=NEW, actor=None)
    client = page_as(admin)
    listed = client.get(reverse("admin:rag_modelchange_changelist")).content.decode()
    assert "Rival" not in listed
    client.post(
        reverse("admin:rag_modelchange_changelist"),
        {"action": "cancel", "_selected_action": [theirs.pk]},
    )
    theirs.refresh_from_db()
    assert theirs.is_open
