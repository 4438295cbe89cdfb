"""Passages that contradict each other on what was asked are shown, the newest first."""

import datetime
from dataclasses import replace

import pytest
from django.urls import reverse

from documents.models import Document
from rag.conflicts import find_conflicts
from rag.embedding.fake import FakeEmbedder
from rag.services.turns import run_turn, start_turn
from rag.support.verdicts import Quote
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


def said(question: str, *texts: str, taken: str = "") -> list[list[str]]:
    """Return what is said to be a conflict; `taken` is what the answer takes of the first text."""
    found = dated(*texts)
    quotes = [Quote(1, 0, len(taken))] if taken else []
    return [
        [found[s.n - 1].content[s.start : s.end] for s in conflict.statements]
        for conflict in find_conflicts(question, found, taken=quotes)
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


HOTEL = "In the following cities it is 190 euros: Ghent, Porto and Turin."
MILES = "For the car it pays 0.36 euros per kilometre, for the shorter of the ways from home."


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        # one number, date, name or "not" is all that differs
        ("What is the hotel limit?", HOTEL, HOTEL.replace("190", "170")),
        (
            "Who leads the laboratory in Leipzig?",
            "The laboratory in Leipzig is led by Ada Brandt, who can be called.",
            "The laboratory in Leipzig is led by Tom Keller, who can be called.",
        ),
        (
            "When was the office in Porto opened?",
            "We opened the second office, in Porto, in 2014.",
            "We opened the second office, in Porto, in 2015.",
        ),
        (
            "How do visitors get in?",
            "Visitors of the laboratory sign a sheet and can enter alone.",
            "Visitors of the laboratory sign a sheet and cannot enter alone.",
        ),
        (
            "Whom do I call about a theft?",
            "Call the security line, extension 4499, within one hour.",
            "Call the security line, extension 4199, within one hour.",
        ),
        # the same in other words, under the question that it answers
        (
            "How much is paid per kilometre with my own car?",
            MILES,
            "What do I get for my own car?\n0.32 euros per kilometre, for the shorter of the ways "
            "from home or work, if no train goes there.",
        ),
        # both call it the same, though one speaks of nothing that was asked
        (
            "What can I claim for a desk?",
            "On top there is a home office allowance of 400 euros, to be claimed for a desk.",
            "The home office allowance rises from 400 to 550 euros in July.",
        ),
    ],
)
def test_what_the_answer_takes_is_compared_with_other_documents(question, one, other):
    [[newer, older]] = said(question, one, other, taken=one)
    assert (newer, older) == (other.rpartition("\n")[2], one)


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        ("What is the limit?", HOTEL, HOTEL.replace("190 euros", "EUR 190")),
        # two things differ: they speak of two matters
        ("What is the limit?", HOTEL, HOTEL.replace("190", "170").replace("Turin", "Lyon")),
        (
            "What was paid?",
            "In 2024 the company paid 39 euros a head for lunch.",
            "In 2025 the company paid 42 euros a head for lunch.",
        ),
        # another subject in the same words
        (
            "How long is it kept?",
            "The recording of the gate is kept for 21 days after the event.",
            "The invoice of the hotel is kept for 90 days after the event.",
        ),
        # a year, where no time was asked for
        (
            "What was opened in Porto?",
            "We opened the second office, in Porto, in 2014.",
            "We opened the second office, in Porto, in 2015.",
        ),
        # what happens every year
        (
            "When is the summer party?",
            "The summer party of all offices is on 3 July 2025 in Ghent.",
            "The summer party of all offices is on 2 July 2026 in Ghent.",
        ),
    ],
)
def test_what_is_alike_and_can_both_be_so_is_no_conflict(question, one, other):
    assert said(question, one, other, taken=one) == []


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


def test_a_statement_leads_to_the_version_that_it_was_read_in(owner, contradiction):
    _, new = contradiction
    Document.objects.filter(pk=new.pk).update(version=2)
    [conflict] = asked(owner)["conflicts"]
    assert ["version=2" in statement["url"] for statement in conflict["statements"]] == [
        True,
        False,
    ]


@pytest.mark.parametrize("cited", [" [1][2]", ""])
def test_a_model_that_takes_one_side_is_shown_with_the_other(
    owner, contradiction, model, page_as, cited
):
    model.enqueue(f"The laptop screen locks after five minutes{cited}.")
    answer = run_turn(user=owner, message_id=start_turn(user=owner, query=QUESTION).pk)
    address = reverse("rag:conversation", args=[answer.conversation_id])
    page = page_as(owner).get(address).content.decode()
    assert "The documents contradict each other" in page
    assert page.index(f"<q>{FIVE}</q>") < page.index(f"<q>{TEN}</q>")
    # Where it names no passage, those that say it stand as its sources.
    sources = page.split('class="sources"')[1].split("Also considered")[0]
    assert ("policy.md" in sources, "sources-label" in sources) == (True, True)


def test_a_side_that_may_no_longer_be_read_is_not_told(colleague, contradiction):
    body = asked(colleague)
    assert body["conflicts"]
    old, _ = contradiction
    Document.objects.filter(pk=old.pk).update(visibility="private")
    conversation = f"/api/conversations/{body['conversation_id']}"
    answer = client_of(colleague).get(conversation).json()["messages"][1]
    assert (answer["conflicts"], "10 minutes" in str(answer)) == ([], False)
