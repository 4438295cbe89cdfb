import hashlib
import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from rag.prompts import loader
from rag.prompts.loader import Prompt, PromptError, load_prompt, new_boundary

ANSWER = {"question": "q", "passages": "p", "boundary": "b", "dont_know": "d"}


def test_every_prompt_file_is_released_and_unchanged():
    files = {
        f"{path.parent.name}/{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in loader.FOLDER.glob("*/*.md")
    }
    assert files == json.loads(loader.MANIFEST.read_text())


def test_a_released_prompt_that_was_edited_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "answer"
    folder.mkdir()
    (folder / "v1.md").write_text("<!-- user -->\nedited\n")
    monkeypatch.setattr(loader, "FOLDER", tmp_path)
    load_prompt.cache_clear()
    with pytest.raises(ImproperlyConfigured, match="add a new version"):
        load_prompt("answer", "v1")
    load_prompt.cache_clear()


def test_a_version_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ImproperlyConfigured, match=r"'answer/v0'.*answer/v1"):
        load_prompt("answer", "v0")


def test_the_version_and_checksum_are_known():
    prompt = load_prompt("answer", "v1")
    assert prompt.version == "answer/v1"
    assert len(prompt.sha256) == 64


@pytest.mark.parametrize("change", [{"extra": "x"}, {"question": None}])
def test_an_unknown_or_missing_variable_is_an_error(change):
    values = {k: v for k, v in {**ANSWER, **change}.items() if v is not None}
    with pytest.raises(PromptError):
        load_prompt("answer", "v1").render(**values)


def test_a_system_and_a_user_message_come_out():
    system, user = load_prompt("answer", "v1").render(**ANSWER)
    assert (system.role, user.role) == ("system", "user")
    assert "<!--" not in system.content + user.content
    assert "{{" not in system.content + user.content


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_template(passages, question):
    template = Prompt("t/v1", "", (("user", "{{ passages }}|{{question}}"),))
    [message] = template.render(passages=passages, question=question)
    assert message.content == f"{passages}|{question}".strip()


def test_a_document_can_not_name_a_variable():
    prompt = Prompt("t/v1", "", (("user", "{{ passages }} {{ secret }}"),))
    [message] = prompt.render(passages="{{ secret }} {{ boundary }}", secret="s3")
    assert message.content == "{{ secret }} {{ boundary }} s3"


def test_no_two_requests_share_a_boundary():
    assert len({new_boundary() for _ in range(100)}) == 100
