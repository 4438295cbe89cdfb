"""Prompts as versioned files: a released version never changes, and rendering is strict."""

import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from django.core.exceptions import ImproperlyConfigured

from rag.llm.base import ChatMessage

FOLDER = Path(__file__).resolve().parent
MANIFEST = FOLDER / "manifest.json"
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ROLE = re.compile(r"^<!-- (system|user) -->\n", re.MULTILINE)

Role = Literal["system", "user"]


class PromptError(Exception):
    """A prompt was given a variable it doesn't know, or not one that it needs."""


@dataclass(frozen=True)
class Prompt:
    """One version of one prompt.

    Attributes:
        version: name and version, for example `answer/v1`; kept with each answer.
        sha256: of the file.
        parts: role and template of each message.
    """

    version: str
    sha256: str
    parts: tuple[tuple[Role, str], ...]

    @property
    def variables(self) -> frozenset[str]:
        """The names it must be given, no more and no fewer."""
        return frozenset(name for _, text in self.parts for name in _VARIABLE.findall(text))

    def render(self, **values: str) -> tuple[ChatMessage, ...]:
        """Return the messages with every variable filled in.

        SECURITY: one pass over the template; a value is never read as a template, so a document
        that contains `{{ question }}` stays text.

        Raises:
            PromptError: a variable is unknown or missing.
        """
        given = frozenset(values)
        if given != self.variables:
            unknown, missing = sorted(given - self.variables), sorted(self.variables - given)
            raise PromptError(f"{self.version}: unknown {unknown}, missing {missing}")
        return tuple(
            ChatMessage(role, _VARIABLE.sub(lambda match: values[match[1]], text).strip())
            for role, text in self.parts
        )


@cache
def load_prompt(name: str, version: str) -> Prompt:
    """Return a prompt from its file.

    Raises:
        ImproperlyConfigured: there is no such version, or its file is not the released one.
    """
    path = FOLDER / name / f"{version}.md"
    released = manifest()
    key = f"{name}/{version}"
    if key not in released:
        known = ", ".join(sorted(released))
        raise ImproperlyConfigured(f"There is no prompt {key!r}; there are {known}.")
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != released[key]:
        raise ImproperlyConfigured(
            f"{path.name} of the prompt {name!r} was changed after its release: add a new version."
        )
    pieces = _ROLE.split(raw.decode("utf-8"))[1:]
    parts = tuple(zip(pieces[::2], pieces[1::2], strict=True))
    return Prompt(key, digest, parts)  # type: ignore[arg-type]  # the pattern admits two roles


@cache
def manifest() -> dict[str, str]:
    """Return the released versions with the checksum of each."""
    content: dict[str, str] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return content


def versions(name: str) -> list[str]:
    """Return the released versions of a prompt, oldest first: `v1`, `v2`, ..."""
    released = [key.split("/")[1] for key in manifest() if key.startswith(f"{name}/")]
    return sorted(released, key=lambda version: (len(version), version))


def new_boundary() -> str:
    """Return the mark around one request's data, which no document can have guessed."""
    return f"=={secrets.token_hex(8)}=="
