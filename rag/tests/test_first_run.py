"""The first start makes an installation that can be used; every later one changes nothing."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django_q.models import Schedule

from accounts.models import Organization, User
from documents.models import Document
from rag.management.commands import start

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture(autouse=True)
def installation(settings, tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    settings.SAMPLE = False
    settings.ORGANIZATION_NAME = "Larkmoor"
    settings.ADMIN_EMAIL = "Boss@Larkmoor.example"
    settings.ADMIN_PASSWORD = ""


def bootstrap() -> str:
    output = StringIO()
    call_command("bootstrap", stdout=output)
    return output.getvalue()


def test_the_first_start_prints_a_password_that_signs_in() -> None:
    lines = bootstrap().splitlines()
    password = next(line.split()[1] for line in lines if line.startswith("  password"))
    admin = User.objects.get()
    assert admin.email == "boss@larkmoor.example"
    assert admin.check_password(password)
    assert admin.is_superuser and admin.is_organization_admin
    assert admin.organization == Organization.objects.get(name="Larkmoor")


def test_everybody_in_the_organization_may_read_the_samples(settings) -> None:
    settings.SAMPLE = True
    bootstrap()
    colleague = User.objects.create_user(
        "new@larkmoor.example", "correct-horse-battery", organization=Organization.objects.get()
    )
    visible = Document.objects.visible_to(colleague)
    assert {d.filename for d in visible} == {path.name for path in SAMPLES.iterdir()}


def test_a_second_start_changes_nothing_and_prints_no_password(settings) -> None:
    settings.SAMPLE = True
    bootstrap()
    before = (set(Document.objects.values_list("pk")), User.objects.get().password)
    assert bootstrap() == ""
    assert (set(Document.objects.values_list("pk")), User.objects.get().password) == before
    assert Schedule.objects.filter(name="sweep").count() == 1


def test_samples_that_were_deleted_stay_away(settings) -> None:
    settings.SAMPLE = True
    bootstrap()
    Document.objects.all().delete()
    bootstrap()
    assert not Document.objects.exists()


def test_the_samples_can_be_left_out() -> None:
    bootstrap()
    assert User.objects.count() == 1
    assert not Document.objects.exists()


def test_a_chosen_password_is_not_printed(settings) -> None:
    settings.ADMIN_PASSWORD = "a password of my own 17"
    assert settings.ADMIN_PASSWORD not in bootstrap()
    assert User.objects.get().check_password(settings.ADMIN_PASSWORD)


def test_a_weak_password_is_refused_in_one_sentence_and_leaves_nothing(settings) -> None:
    settings.ADMIN_PASSWORD = "password"
    with pytest.raises(CommandError, match="ADMIN_PASSWORD"):
        bootstrap()
    assert not Organization.objects.exists()


def test_a_port_in_use_is_told_before_anything_starts(settings) -> None:
    with start.socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings.HOST, settings.PORT = "127.0.0.1", other.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {settings.PORT} is in use"):
            call_command("start", stdout=StringIO())
    assert not Organization.objects.exists()


def test_an_address_of_another_machine_is_told_by_name() -> None:
    with pytest.raises(CommandError, match=r"HOST=192\.0\.2\.77"):
        start.require_free_port("192.0.2.77", 8000)


@pytest.mark.parametrize(
    ("host", "urls"),
    [("127.0.0.1", ["http://127.0.0.1:8000/"]), ("::1", ["http://[::1]:8000/"])],
)
def test_one_address_is_printed_where_the_server_listens_on_one(host: str, urls: list[str]) -> None:
    assert start.addresses(host, 8000) == urls


def test_a_server_open_to_the_network_prints_where_others_reach_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(start, "_lan_address", lambda: "192.0.2.5")
    assert start.addresses("0.0.0.0", 8000) == [
        "http://localhost:8000/",
        "http://192.0.2.5:8000/ from another machine of this network",
    ]
