"""Every act on people and teams, tried by everybody: exactly the right ones succeed."""

from collections.abc import Callable

import pytest

from accounts import services
from accounts.models import AuditEvent, Membership, Team, User
from conftest import PASSWORD
from knowledge.lib.errors import AppError, NotAllowed, NotFound

ACTS: dict[str, Callable[[User, Team, User], object]] = {
    "change_role": lambda user, team, actor: services.change_role(
        user=user, actor=actor, role="admin"
    ),
    "deactivate": lambda user, team, actor: services.deactivate_user(user=user, actor=actor),
    "change_email": lambda user, team, actor: services.change_email(
        user=user, actor=actor, email="other@acme.test"
    ),
    "reset_password": lambda user, team, actor: services.reset_password(user=user, actor=actor),
    "rename_user": lambda user, team, actor: services.rename_user(
        user=user, actor=actor, name="Other"
    ),
    "update": lambda user, team, actor: services.update_user(user=user, actor=actor, name="Other"),
    "rename_team": lambda user, team, actor: services.rename_team(
        team=team, actor=actor, name="Other"
    ),
    "delete_team": lambda user, team, actor: services.delete_team(team=team, actor=actor),
    "add_member": lambda user, team, actor: services.add_member(team=team, user=user, actor=actor),
}


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("operator@platform.test", PASSWORD, organization=None)


@pytest.fixture
def actors(admin, owner, colleague, teammate, outsider, outside_admin, operator) -> dict[str, User]:
    return {
        "admin": admin,
        "owner": owner,
        "colleague": colleague,
        "teammate": teammate,
        "outsider": outsider,
        "outside_admin": outside_admin,
        "operator": operator,
    }


@pytest.mark.parametrize("act", ACTS, ids=list(ACTS))
def test_only_admins_of_the_organization_and_operators_change_others(
    act: str, actors: dict[str, User], colleague: User, team: Team
) -> None:
    allowed = set()
    for name, actor in actors.items():
        if actor == colleague:
            continue
        before = AuditEvent.objects.count()
        user = User.objects.get(pk=colleague.pk)
        try:
            ACTS[act](user, Team.objects.get(pk=team.pk), actor)
        except AppError:
            assert AuditEvent.objects.count() == before
            continue
        allowed.add(name)
        break_even(act, colleague, team)
    assert allowed == {"admin", "operator"}


def break_even(act: str, colleague: User, team: Team) -> None:
    """Put everything back, so that the next one finds the same to do."""
    colleague.save()
    Team.objects.get_or_create(
        pk=team.pk, defaults={"name": team.name, "organization": team.organization}
    )
    Team.objects.filter(pk=team.pk).update(name=team.name)
    Membership.objects.filter(user=colleague).delete()


@pytest.mark.parametrize("act", [*ACTS], ids=list(ACTS))
def test_another_organizations_admin_learns_nothing(
    act: str, outside_admin: User, colleague: User, team: Team
) -> None:
    with pytest.raises(NotFound):
        ACTS[act](colleague, team, outside_admin)


def test_what_one_sees_but_may_not_change_is_refused_not_hidden(owner: User, team: Team) -> None:
    Membership.objects.create(team=team, user=owner)
    with pytest.raises(NotAllowed):
        services.rename_team(team=team, actor=owner, name="Mine")
    with pytest.raises(NotAllowed):
        services.change_role(user=owner, actor=owner, role="admin")


def test_oneself_one_may_rename_and_give_a_password(owner: User) -> None:
    services.rename_user(user=owner, actor=owner, name="Ola")
    services.set_password(user=owner, actor=owner, password="another-fine-secret")
    owner.refresh_from_db()
    assert owner.name == "Ola"
    assert owner.check_password("another-fine-secret")


def test_a_deactivated_admin_may_nothing(admin: User, owner: User) -> None:
    admin.is_active = False
    admin.save()
    for act in (
        lambda: services.create_user(actor=admin, email="new@acme.test"),
        lambda: services.create_team(actor=admin, name="New"),
        lambda: services.change_role(user=owner, actor=admin, role="admin"),
    ):
        with pytest.raises(AppError):
            act()


def test_an_admin_creates_people_and_teams_at_home_only(
    admin: User, owner: User, other_organization
) -> None:
    for actor, organization in ((admin, other_organization), (owner, None)):
        with pytest.raises(NotAllowed):
            services.create_user(actor=actor, email="new@acme.test", organization=organization)
        with pytest.raises(NotAllowed):
            services.create_team(actor=actor, name="New", organization=organization)


def test_only_an_operator_makes_operators_and_none_unmakes_themselves(
    admin: User, owner: User, operator: User
) -> None:
    with pytest.raises(NotAllowed):
        services.set_superuser(user=owner, actor=admin, is_superuser=True)
    services.set_superuser(user=owner, actor=operator, is_superuser=True)
    owner.refresh_from_db()
    assert owner.is_superuser
    with pytest.raises(NotAllowed):
        services.set_superuser(user=operator, actor=operator, is_superuser=False)


def test_a_team_never_takes_in_somebody_of_another_organization(
    admin: User, operator: User, outsider: User, team: Team
) -> None:
    for actor in (admin, operator):
        with pytest.raises(NotFound):
            services.add_member(team=team, user=outsider, actor=actor)
    assert not team.memberships.exists()


def test_adding_twice_and_changing_nothing_leave_no_trace(
    admin: User, owner: User, team: Team
) -> None:
    services.add_member(team=team, user=owner, actor=admin)
    before = AuditEvent.objects.count()
    services.add_member(team=team, user=owner, actor=admin)
    services.change_role(user=owner, actor=admin, role="user")
    services.reactivate_user(user=owner, actor=admin)
    services.rename_team(team=team, actor=admin, name=" Finance ")
    assert AuditEvent.objects.count() == before
