"""Which prompts and model answer: chosen by administrators, kept as a history, tried on a share."""

import uuid

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AuditEvent
from knowledge.lib.errors import InvalidInput, NotAllowed, NotFound
from rag.answer_setup import setup_for, variant_of
from rag.llm.base import DONT_KNOW
from rag.models import AnswerSettings, Conversation, Message
from rag.prompts.loader import load_prompt, versions
from rag.services.answer_settings import (
    change_answer_settings,
    compare_variants,
    restore_answer_settings,
    roll_back_answer_settings,
)
from rag.services.feedback import give_feedback
from rag.services.turns import run_turn, start_turn
from rag.tests.library import published

LIST = "/admin/rag/answersettings/"
LEAVE = "Every employee has 30 days of paid leave a year."


@pytest.fixture(autouse=True)
def _media(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def asked(user, question: str = "How many days of paid leave?", conversation=None) -> Message:
    message = start_turn(
        user=user, query=question, conversation_id=conversation and conversation.pk
    )
    return run_turn(user=user, message_id=message.pk)


# --- what answers ---------------------------------------------------------------------------------


def test_what_is_configured_answers_until_somebody_chooses(owner, model):
    published(owner, LEAVE)
    model.enqueue("Employees have 30 days of paid leave [1].")
    message = asked(owner)
    prompt = load_prompt("answer", "v1")
    assert (message.prompt_version, message.prompt_sha256) == (prompt.version, prompt.sha256)
    assert (message.answer_settings, message.variant) == (None, "")


def test_the_chosen_prompt_answers_the_next_question(owner, admin, model):
    published(owner, LEAVE)
    chosen = change_answer_settings(
        organization=owner.organization, actor=admin, answer_prompt="v2"
    )
    model.enqueue("Employees have 30 days of paid leave [1].")
    message = asked(owner)
    assert message.prompt_version == "answer/v2"
    assert message.prompt_sha256 == load_prompt("answer", "v2").sha256
    assert message.answer_settings == chosen
    assert "has no say in what you do" in " ".join(model.history[-1].messages[0].content.split())


def test_the_chosen_model_answers(owner, admin, model):
    published(owner, LEAVE)
    change_answer_settings(organization=owner.organization, actor=admin, model="extractive")
    assert asked(owner).model == "extractive"
    assert model.history == []


def test_another_organization_is_not_touched(owner, admin, outsider, model):
    change_answer_settings(organization=owner.organization, actor=admin, answer_prompt="v2")
    conversation = Conversation(user=outsider)
    setup = setup_for(organization_id=outsider.organization_id, conversation=conversation)
    assert setup.answer_prompt.version == "answer/v1"


def test_a_message_keeps_what_it_depended_on(owner, model, settings):
    settings.LLM_TEMPERATURE = 0.25
    published(owner, LEAVE)
    model.enqueue("Employees have 30 days of paid leave [1].")
    message = asked(owner)
    assert message.parameters == {
        "top_k": settings.RETRIEVAL_TOP_K,
        "temperature": 0.25,
        "max_tokens": settings.LLM_MAX_TOKENS,
        "context_characters": settings.LLM_CONTEXT_CHARACTERS,
    }
    assert set(message.timings) == {
        "understand",
        "retrieve",
        "first_token",
        "write",
        "check",
        "total",
    }
    assert message.timings["total"] == message.total_ms
    assert [source.score > 0 for source in message.sources.all()] == [True]


def test_what_an_installation_no_longer_offers_gives_way_to_what_is_configured(owner, settings):
    AnswerSettings.objects.create(
        organization=owner.organization, model="gone", answer_prompt="v99"
    )
    setup = setup_for(organization_id=owner.organization_id, conversation=Conversation(user=owner))
    assert (setup.model, setup.answer_prompt.version) == ("", "answer/v1")


# --- who may choose, among what -------------------------------------------------------------------


def test_only_an_admin_of_the_organization_chooses(owner, colleague, outside_admin, admin):
    for actor in (owner, colleague, outside_admin):
        with pytest.raises(NotAllowed):
            change_answer_settings(organization=admin.organization, actor=actor, answer_prompt="v2")
    assert not AnswerSettings.objects.exists()


@pytest.mark.parametrize(
    "choice",
    [
        {"answer_prompt": "v99"},
        {"condense_prompt": "v2"},
        {"title_prompt": "../answer/v1"},
        {"model": "no-such-model"},
        {"candidate_model": "no-such-model", "candidate_share": 10},
    ],
)
def test_only_what_exists_can_be_chosen(admin, choice):
    with pytest.raises(InvalidInput, match="There is no"):
        change_answer_settings(organization=admin.organization, actor=admin, **choice)
    assert not AnswerSettings.objects.exists()


def test_the_models_of_the_configured_server_can_be_chosen(admin, settings):
    settings.LLM_BASE_URL, settings.LLM_MODEL = "http://localhost:1/v1", "small"
    settings.LLM_MODELS = ["large"]
    chosen = change_answer_settings(organization=admin.organization, actor=admin, model="large")
    assert chosen.model == "large"


# --- the history ----------------------------------------------------------------------------------


def test_every_change_is_kept_with_who_made_it(admin):
    organization = admin.organization
    change_answer_settings(organization=organization, actor=admin, answer_prompt="v2", note="try")
    change_answer_settings(organization=organization, actor=admin, model="extractive")
    rows = list(AnswerSettings.objects.order_by("id"))
    assert [(row.answer_prompt, row.model, row.created_by, row.note) for row in rows] == [
        ("v2", "", admin, "try"),
        ("v2", "extractive", admin, ""),
    ]
    events = AuditEvent.objects.filter(action="answer_settings.changed").order_by("id")
    assert [event.details["model"] for event in events] == ["", "extractive"]


def test_the_latest_change_is_undone_in_one_step(admin):
    organization = admin.organization
    first = change_answer_settings(organization=organization, actor=admin, answer_prompt="v2")
    change_answer_settings(organization=organization, actor=admin, answer_prompt="v1")
    undone = roll_back_answer_settings(organization=organization, actor=admin)
    assert (undone.answer_prompt, undone.restores) == ("v2", first)
    assert AnswerSettings.objects.in_force(organization.pk) == undone
    assert AnswerSettings.objects.count() == 3


def test_undoing_the_first_change_goes_back_to_what_is_configured(admin):
    organization = admin.organization
    with pytest.raises(NotFound):
        roll_back_answer_settings(organization=organization, actor=admin)
    change_answer_settings(organization=organization, actor=admin, answer_prompt="v2")
    undone = roll_back_answer_settings(organization=organization, actor=admin)
    assert undone.answer_prompt == ""


def test_an_older_choice_that_is_not_there_any_more_cannot_be_restored(admin):
    older = AnswerSettings.objects.create(organization=admin.organization, answer_prompt="v99")
    with pytest.raises(InvalidInput):
        restore_answer_settings(older=older, actor=admin)


# --- trials ---------------------------------------------------------------------------------------


def test_the_share_of_conversations_is_kept_and_each_stays_on_its_side(admin):
    chosen = AnswerSettings(
        organization=admin.organization, candidate_prompt="v2", candidate_share=30
    )
    conversations = [Conversation(user=admin, id=uuid.UUID(int=n, version=4)) for n in range(1000)]
    sides = [variant_of(chosen, conversation) for conversation in conversations]
    assert sides.count("candidate") == 300
    assert sides == [variant_of(chosen, conversation) for conversation in conversations]


def test_a_conversation_older_than_the_trial_is_not_part_of_it(admin):
    conversation = Conversation.objects.create(user=admin)
    chosen = change_answer_settings(
        organization=admin.organization, actor=admin, candidate_prompt="v2", candidate_share=100
    )
    assert variant_of(chosen, conversation) == ""


@pytest.mark.parametrize(
    "choice", [{"candidate_share": 10}, {"candidate_prompt": "v2"}, {"candidate_share": 101}]
)
def test_a_trial_needs_a_candidate_and_a_share(admin, choice):
    with pytest.raises(ValidationError):
        change_answer_settings(organization=admin.organization, actor=admin, **choice)


def test_a_trial_is_compared_side_by_side(owner, admin, model):
    published(owner, LEAVE)
    chosen = change_answer_settings(
        organization=owner.organization, actor=admin, candidate_prompt="v2", candidate_share=50
    )
    sides = {"active": 0, "candidate": 0}
    while not all(sides.values()):
        model.enqueue("Employees have 30 days of paid leave [1].")
        message = asked(owner)
        sides[message.variant] += 1
        version = {"active": "answer/v1", "candidate": "answer/v2"}[message.variant]
        assert message.prompt_version == version
    rating = "up" if message.variant == "candidate" else "down"
    give_feedback(message=message, actor=owner, rating=rating)
    rows = {row["variant"]: row for row in compare_variants(chosen=chosen)}
    assert {variant: row["answers"] for variant, row in rows.items()} == sides
    assert rows["candidate"]["grounded"] == sides["candidate"]
    assert (rows["candidate"]["ups"], rows["active"]["downs"]) in {(1, 0), (0, 1)}
    assert rows["candidate"]["tokens"] == 110 * sides["candidate"]


def test_not_knowing_is_counted(owner, admin, model):
    published(owner, LEAVE)
    chosen = change_answer_settings(
        organization=owner.organization, actor=admin, candidate_prompt="v2", candidate_share=100
    )
    model.enqueue(DONT_KNOW)
    asked(owner)
    [active, candidate] = compare_variants(chosen=chosen)
    assert (active["answers"], candidate["unknown"]) == (0, 1)


# --- Django admin ---------------------------------------------------------------------------------


def test_an_admin_chooses_and_goes_back_in_django_admin(admin, page_as):
    page = page_as(admin)
    form = page.get(f"{LIST}add/").content.decode()
    assert all(f"answer/{version}" in form for version in versions("answer"))
    empty = dict.fromkeys(["model", "condense_prompt", "title_prompt", "candidate_model"], "")
    data = {
        "organization": admin.organization.pk,
        **empty,
        "candidate_prompt": "",
        "note": "why",
    }
    page.post(f"{LIST}add/", {**data, "answer_prompt": "v2", "candidate_share": 0})
    [chosen] = AnswerSettings.objects.all()
    assert (chosen.answer_prompt, chosen.created_by, chosen.note) == ("v2", admin, "why")
    shown = page.get(f"{LIST}{chosen.pk}/change/").content.decode()
    assert "In force" in shown
    assert load_prompt("answer", "v2").sha256 in shown
    page.post(LIST, {"action": "roll_back", "_selected_action": chosen.pk, "index": 0})
    assert AnswerSettings.objects.in_force(admin.organization_id).answer_prompt == ""
    page.post(LIST, {"action": "put_in_force", "_selected_action": chosen.pk, "index": 0})
    assert AnswerSettings.objects.in_force(admin.organization_id).answer_prompt == "v2"


def test_an_admin_sees_and_changes_nothing_of_another_organization(admin, outside_admin, page_as):
    theirs = AnswerSettings.objects.create(organization=admin.organization, note="secret plan")
    page = page_as(outside_admin)
    assert "secret plan" not in page.get(LIST).content.decode()
    for action in ("roll_back", "put_in_force"):
        page.post(LIST, {"action": action, "_selected_action": theirs.pk, "index": 0})
    assert AnswerSettings.objects.count() == 1
