"""Passages that contradict each other on what was asked are shown, the newest first."""

import datetime
from dataclasses import replace

import pytest
from django.urls import reverse

from documents.models import Document
from rag.conflicts import find_conflicts
from rag.embedding.fake import FakeEmbedder
from rag.services.turns import run_turn, start_turn
from rag.tests.api import client_of
from rag.tests.library import published
from rag.tests.passages import passages

TEN = "The laptop screen locks after 10 minutes of inactivity."
FIVE = "The laptop screen locks after five minutes of inactivity."
QUESTION = "After how many minutes does the laptop screen lock?"


def dated(*texts: str):
    """Return passages, each a year younger than the one before."""
    return tuple(
        replace(found, document_date=datetime.date(2020 + found.rank, 1, 1))
        for found in passages(*texts)
    )


def said(question: str, *texts: str) -> list[list[str]]:
    found = dated(*texts)
    return [
        [found[s.n - 1].content[s.start : s.end] for s in conflict.statements]
        for conflict in find_conflicts(question, found)
    ]


def test_two_numbers_for_one_thing_are_a_conflict_the_newest_first():
    assert said(QUESTION, TEN, FIVE) == [[FIVE, TEN]]


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        (
            "When does the winter closure begin?",
            "The winter closure begins on 24 December.",
            "The winter closure begins on 22 December.",
        ),
        (
            "Are dogs allowed in the office?",
            "Dogs are allowed in the office.",
            "Dogs are not allowed in the office.",
        ),
        (
            "What is the home office allowance?",
            "The home office allowance is 400 euros, once in three years.",
            "The home office allowance rises from 400 to 550 euros.",
        ),
        (
            "laptop screen lock",
            TEN,
            "Change your laptop screen lock from 5 minutes (the standard) to 1 or 2 minutes.",
        ),
    ],
)
def test_contradictions_of_other_kinds_are_found(question, one, other):
    assert said(question, one, other) == [[other, one]]


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        # the same, written otherwise
        (QUESTION, TEN, "The laptop screen locks after ten minutes."),
        (QUESTION, TEN, "The laptop screen locks after 600 seconds."),
        # another subject
        (QUESTION, TEN, "The server screen locks after 5 minutes."),
        ("How long are laptops used?", "Laptops are used 4 years.", "Monitors are used 6 years."),
        # another place, another year
        (
            "How many people work here?",
            "88 people work here in Ghent.",
            "91 people work here in Leipzig.",
        ),
        (
            "What was the turnover?",
            "In 2024 the turnover was 39 million euros.",
            "In 2025 the turnover was 42 million euros.",
        ),
        # what held before
        (QUESTION, "The laptop screen locks after 5 minutes.", FIVE.replace(".", " (10 before).")),
        # limits that can both be so
        (
            "How many days ahead are flights booked?",
            "Flights are booked at least 14 days ahead.",
            "Flights are booked at most 90 days ahead.",
        ),
        # what nobody asked
        ("Who approves a trip?", "A trip of 3 days is approved.", "A trip of 5 days is approved."),
        ("Which screens are there?", TEN, FIVE),
    ],
)
def test_what_can_both_be_so_is_no_conflict(question, one, other):
    assert said(question, one, other) == []


def test_the_model_keeps_apart_what_is_far_in_meaning():
    found = dated(
        "The parking rate is 5 euros, as everybody who likes to come by bicycle will be glad of.",
        "Parking rate: 9 euros",
    )
    assert find_conflicts("parking rate", found)
    assert find_conflicts("parking rate", found, FakeEmbedder()) == ()


def test_overlapping_passages_of_one_section_are_no_conflict():
    first, second = dated(TEN, FIVE)
    second = replace(second, document_id=first.document_id)
    assert find_conflicts(QUESTION, (first, second), FakeEmbedder()) == ()


@pytest.fixture
def contradiction(owner):
    old = published(owner, TEN, filename="standards.md", visibility="organization")
    new = published(owner, FIVE, filename="policy.md", visibility="organization")
    Document.objects.filter(pk=old.pk).update(dated_on="2021-01-01", dated_by="text")
    Document.objects.filter(pk=new.pk).update(dated_on="2025-01-01", dated_by="text")
    return old, new


def asked(user):
    return client_of(user).post("/api/chat", {"query": QUESTION}).json()


def test_the_offline_answer_says_both_and_the_api_names_them(owner, contradiction):
    body = asked(owner)
    assert (TEN in body["answer"], FIVE in body["answer"]) == (True, True)
    [conflict] = body["conflicts"]
    assert [(s["text"], s["filename"], s["document_date"]) for s in conflict["statements"]] == [
        (FIVE, "policy.md", "2025-01-01"),
        (TEN, "standards.md", "2021-01-01"),
    ]
    assert body["answer"].index(FIVE) < body["answer"].index(TEN)


def test_a_model_that_takes_one_side_is_shown_with_the_other(owner, contradiction, model, page_as):
    model.enqueue("The laptop screen locks after five minutes [1][2].")
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    address = reverse("rag:conversation", args=[answer.conversation_id])
    page = page_as(owner).get(address).content.decode()
    assert "The documents contradict each other" in page
    assert page.index(f"<q>{FIVE}</q>") < page.index(f"<q>{TEN}</q>")


def test_a_side_that_may_no_longer_be_read_is_not_told(colleague, contradiction):
    body = asked(colleague)
    assert body["conflicts"]
    old, _ = contradiction
    Document.objects.filter(pk=old.pk).update(visibility="private")
    conversation = f"/api/conversations/{body['conversation_id']}"
    answer = client_of(colleague).get(conversation).json()["messages"][1]
    assert (answer["conflicts"], "10 minutes" in str(answer)) == ([], False)
