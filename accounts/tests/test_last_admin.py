"""An organization keeps an active admin, whatever is asked and however many ask at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts import services
from accounts.models import User
from knowledge.lib.errors import Conflict

TAKE_AWAY = {
    "role": lambda user, actor: services.change_role(user=user, actor=actor, role="user"),
    "standing": lambda user, actor: services.deactivate_user(user=user, actor=actor),
}


@pytest.fixture
def second_admin(organization) -> User:
    return User.objects.create_user("second@acme.test", organization=organization, role="admin")


def active_admins() -> int:
    return User.objects.filter(organization__name="Acme", role="admin", is_active=True).count()


@pytest.mark.parametrize("take_away", TAKE_AWAY.values(), ids=TAKE_AWAY)
def test_the_last_admin_stays(admin: User, outside_admin: User, take_away) -> None:
    with pytest.raises(Conflict) as refusal:
        take_away(admin, admin)
    assert refusal.value.status == 409
    admin.refresh_from_db()
    assert admin.is_organization_admin


@pytest.mark.parametrize("take_away", TAKE_AWAY.values(), ids=TAKE_AWAY)
def test_not_even_a_superuser_takes_the_last_admin(admin: User, take_away) -> None:
    operator = User.objects.create_superuser("operator@platform.test", "pw", organization=None)
    with pytest.raises(Conflict):
        take_away(admin, operator)


def test_one_of_two_may_go(admin: User, second_admin: User) -> None:
    services.deactivate_user(user=admin, actor=second_admin)
    assert active_admins() == 1
    with pytest.raises(Conflict):
        services.change_role(user=second_admin, actor=second_admin, role="user")


def test_an_inactive_admin_counts_for_nothing(admin: User, second_admin: User) -> None:
    services.deactivate_user(user=second_admin, actor=admin)
    with pytest.raises(Conflict):
        services.deactivate_user(user=admin, actor=admin)
    # and taking the role of one who is inactive already takes no admin away
    services.change_role(user=second_admin, actor=admin, role="user")


def test_the_api_answers_409(as_user, admin: User) -> None:
    response = as_user(admin).patch(
        f"/api/users/{admin.pk}", {"role": "user"}, content_type="application/json"
    )
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "conflict"


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_remove_each_other_one_is_left(admin: User, second_admin: User) -> None:
    def remove(pair: tuple[User, User]) -> str:
        user, actor = pair
        try:
            services.deactivate_user(user=user, actor=actor)
        except Conflict:
            return "refused"
        finally:
            connection.close()
        return "removed"

    # Each request has read its own copies before either acts.
    first, second = User.objects.get(pk=admin.pk), User.objects.get(pk=second_admin.pk)
    with ThreadPoolExecutor(2) as pool:
        outcome = sorted(pool.map(remove, [(admin, second), (second_admin, first)]))
    assert outcome == ["refused", "removed"]
    assert active_admins() == 1
