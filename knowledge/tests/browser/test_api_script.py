"""What a script does over the network: everything a person can, with honest status codes."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from knowledge.tests.browser import files
from knowledge.tests.browser.product import MAX_UPLOAD_BYTES, Person, Product

pytestmark = pytest.mark.browser

OPENING = "When does the Kestrel workshop open on Tuesdays?"
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def second(product: Product, admin: Person) -> Person:
    return product.create_person(admin)


def test_a_document_from_upload_to_delete(
    product: Product, admin: Person, person: Person, second: Person
) -> None:
    uploaded = person.api.post("documents", files={"file": ("workshop.pdf", files.PDF)})
    assert uploaded.status_code == 201
    document = uploaded.json()
    assert (document["status"], document["visibility"]) == ("uploaded", "private")
    key = document["id"]
    product.wait_until_completed(person, [key])
    assert person.api.get(f"documents/{key}/file").content == files.PDF
    assert "07:15" in person.api.get(f"documents/{key}/pages/2").json()["text"]

    found = retrieve(person, OPENING)
    assert found[0]["document_id"] == key and "07:15" in found[0]["content"]
    assert [result["rank"] for result in found] == list(range(1, len(found) + 1))
    answer = person.api.post("chat", json={"query": OPENING}).json()
    assert "07:15" in answer["answer"] and answer["grounded"] is True
    assert {source["document_id"] for source in answer["sources"] if source["cited"]} == {key}

    # Somebody else: as if it did not exist.
    assert names_found(second, OPENING).isdisjoint({"workshop.pdf"})
    for method, path in attempts(key):
        hidden, missing = (
            second.api.request(method, path.format(id=which), json={}) for which in (key, NOWHERE)
        )
        assert (hidden.status_code, hidden.json()) == (missing.status_code, missing.json())
        assert hidden.status_code == 404

    shared = person.api.patch(f"documents/{key}", json={"visibility": "organization"})
    assert shared.json()["visibility"] == "organization"
    assert "workshop.pdf" in names_found(second, OPENING)
    assert second.api.delete(f"documents/{key}").status_code == 403

    assert person.api.delete(f"documents/{key}").status_code == 403
    assert admin.api.delete(f"documents/{key}").status_code == 204
    for who in (person, second, admin):
        assert "workshop.pdf" not in names_found(who, OPENING)
        assert who.api.get(f"documents/{key}").status_code == 404
    old = person.api.get(f"conversations/{answer['conversation_id']}")
    assert "07:15" not in old.text and "workshop.pdf" not in old.text


def retrieve(who: Person, query: str) -> list[dict[str, Any]]:
    answer = who.api.post("retrieval", json={"query": query, "top_k": 5})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def names_found(who: Person, query: str) -> set[str]:
    return {result["filename"] for result in retrieve(who, query)}


def attempts(key: str) -> Iterator[tuple[str, str]]:
    yield "GET", "documents/{id}"
    yield "GET", "documents/{id}/file"
    yield "GET", "documents/{id}/pages/1"
    yield "PATCH", "documents/{id}"
    yield "POST", "documents/{id}/retry"
    yield "DELETE", "documents/{id}"


def test_an_answer_as_a_stream_of_events(person: Person) -> None:
    question = {"query": "How much may a hotel in Paris cost?", "stream": True}
    with person.api.stream("POST", "chat", json=question) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = list(events_of(response))
    names = [name for name, _ in events]
    assert names[0] == "sources" and names[-1] == "done"
    assert names.count("token") == len(names) - 2 > 0
    written = "".join(data["text"] for name, data in events if name == "token")
    done = events[-1][1]
    assert written == done["answer"]
    assert {source["n"] for source in done["sources"] if source["cited"]} <= {
        source["n"] for source in events[0][1]["sources"]
    }


def events_of(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_conversations_and_feedback_belong_to_one_person(person: Person, second: Person) -> None:
    first = person.api.post("chat", json={"query": "Do I need a visa?"}).json()
    again = {"query": "What is a carnet?", "conversation_id": first["conversation_id"]}
    assert person.api.post("chat", json=again).json()["conversation_id"] == again["conversation_id"]
    path = f"conversations/{first['conversation_id']}"
    assert len(person.api.get(path).json()["messages"]) == 4
    assert person.api.patch(path, json={"title": "Travel"}).json()["title"] == "Travel"
    opinion = f"messages/{first['message_id']}/feedback"
    given = {"rating": "up", "comment": "Clear."}
    assert person.api.post(opinion, json=given).json()["rating"] == "up"

    assert second.api.get("conversations").json()["count"] == 0
    assert second.api.get(path).status_code == 404
    assert second.api.patch(path, json={"title": "Mine"}).status_code == 404
    assert second.api.delete(path).status_code == 404
    assert second.api.post(opinion, json=given).status_code == 404
    assert second.api.post("chat", json=again).status_code == 404

    assert person.api.delete(path).status_code == 204
    assert person.api.get("conversations").json()["results"] == []


def test_every_refusal_has_the_same_shape(product: Product, person: Person) -> None:
    nobody = httpx.Client(base_url=f"{product.url}/api/")
    wrong = {"username": person.email, "password": "wrong"}
    large = {"file": ("large.txt", b"x" * (MAX_UPLOAD_BYTES + 1))}
    asked = {
        "no file": (400, "invalid", person.api.post("documents", data={})),
        "not JSON": (400, "parse_error", raw(person, b"{")),
        "signed out": (401, "not_authenticated", nobody.get("documents")),
        "wrong password": (401, "invalid_credentials", nobody.post("auth/login", json=wrong)),
        "not an admin": (403, "permission_denied", person.api.get("users")),
        "unknown": (404, "not_found", person.api.get(f"documents/{NOWHERE}")),
        "no route": (404, "not_found", person.api.get("nothing")),
        "wrong method": (405, "method_not_allowed", person.api.put("documents", json={})),
        "too large": (413, "too_large", person.api.post("documents", files=large)),
        "type": (415, "unsupported_type", upload(person, "tool.exe", b"MZ\x90\x00")),
        "too long": (422, "unprocessable", person.api.post("chat", json={"query": "x" * 2001})),
    }
    nobody.close()
    answered = {name: (answer.status_code, code_of(answer)) for name, (*_, answer) in asked.items()}
    assert answered == {name: (status, code) for name, (status, code, _) in asked.items()}
    assert asked["signed out"][2].headers["WWW-Authenticate"].startswith("Bearer")
    assert ".pdf" in asked["type"][2].json()["error"]["message"]


def raw(person: Person, body: bytes) -> httpx.Response:
    return person.api.post("chat", content=body, headers={"Content-Type": "application/json"})


def upload(person: Person, name: str, content: bytes) -> httpx.Response:
    return person.api.post("documents", files={"file": (name, content)})


def code_of(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"] and answer.headers["X-Request-ID"]
    return str(body["error"]["code"])


def test_a_refresh_token_is_good_for_one_exchange(product: Product, person: Person) -> None:
    with httpx.Client(base_url=f"{product.url}/api/") as client:
        form = {"username": person.email, "password": person.password}
        tokens = client.post("auth/login", data=form).json()
        renewed = client.post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert renewed.status_code == 200
        again = client.post("auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert again.status_code == 401
        last = {"refresh_token": renewed.json()["refresh_token"]}
        assert client.post("auth/logout", json=last).status_code == 204
        assert client.post("auth/refresh", json=last).status_code == 401


def test_the_schema_describes_what_is_there(person: Person) -> None:
    answer = person.api.get("schema", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert {"/api/chat", "/api/documents/{document_id}", "/api/retrieval"} <= set(
        answer.json()["paths"]
    )
