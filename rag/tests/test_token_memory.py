"""A text is tokenized once while it is remembered, and always gets its own word pieces."""

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from rag.embedding import token_memory
from rag.embedding.token_memory import TokenMemory


def codes(text: str) -> list[int]:
    return [ord(letter) for letter in text]


def asked_of(calls: list[list[str]]) -> TokenMemory:
    def tokenize(texts):
        calls.append(list(texts))
        return [codes(text) for text in texts]

    return TokenMemory(tokenize)


def test_what_was_asked_of_late_is_not_tokenized_again():
    calls: list[list[str]] = []
    memory = asked_of(calls)
    memory.ids(["a", "b", "a"])
    memory.ids(["b", "c"])
    assert calls == [["a", "b"], ["c"]]


def test_no_text_and_no_call():
    calls: list[list[str]] = []
    assert asked_of(calls).ids([]) == []
    assert calls == []


@given(st.lists(st.lists(st.text(max_size=12), max_size=8), max_size=20))
def test_every_text_gets_its_own_pieces_in_order_however_little_is_remembered(asked):
    before = token_memory.REMEMBERED, token_memory.LONGEST
    token_memory.REMEMBERED, token_memory.LONGEST = 3, 8
    try:
        memory = asked_of([])
        for texts in asked:
            assert [list(ids) for ids in memory.ids(texts)] == [codes(text) for text in texts]
            assert len(memory._known) <= 3
            assert all(len(text) <= 8 for text in memory._known)
    finally:
        token_memory.REMEMBERED, token_memory.LONGEST = before


def test_threads_that_ask_at_once_get_their_own():
    memory = asked_of([])
    texts = [[f"{number % 50}", f"text {number % 7}"] for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(memory.ids, texts))
    assert [[list(ids) for ids in each] for each in found] == [
        [codes(text) for text in each] for each in texts
    ]
