"""Django admin shows and offers each person exactly what they administer."""

import uuid

import pytest
from django.contrib import admin as django_admin
from django.test import Client, RequestFactory

from accounts import audit
from accounts.models import AuditEvent, Membership, Organization, Team, User
from conftest import PASSWORD

MODELS = [Organization, User, Team, AuditEvent]


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("operator@platform.test", PASSWORD, organization=None)


@pytest.fixture
def rows(organization, other_organization, admin, owner, outsider, outside_admin, team) -> dict:
    """Two of everything, one an organization; as sets by whom they should be seen."""
    other_team = Team.objects.create(name="Secret", organization=other_organization)
    event, other_event, nobodys = [
        audit.record(action="document.viewed", organization=home)
        for home in (organization, other_organization, None)
    ]
    here = {organization, admin, owner, team, event}
    there = {other_organization, outsider, outside_admin, other_team, other_event}
    return {"here": here, "there": there, "nowhere": {nobodys}}


def request_of(user: User):
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def visible(user: User) -> set:
    request = request_of(user)
    found: set = set()
    for model in MODELS:
        model_admin = django_admin.site.get_model_admin(model)
        if model_admin.has_view_permission(request):
            found |= set(model_admin.get_queryset(request))
    return found


def enter(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_each_role_sees_exactly_its_own(rows, admin, owner, outside_admin, operator) -> None:
    assert visible(admin) == rows["here"]
    assert visible(outside_admin) == rows["there"]
    assert visible(owner) == set()
    assert visible(operator) == rows["here"] | rows["there"] | rows["nowhere"] | {operator}


def test_every_model_of_ours_is_in_the_admin_and_scoped() -> None:
    from knowledge.lib.admin import OrganizationScopedAdmin

    for model in MODELS:
        assert isinstance(django_admin.site.get_model_admin(model), OrganizationScopedAdmin)


def test_tokens_and_groups_are_not_in_the_admin() -> None:
    labels = {model._meta.label for model in django_admin.site._registry}
    assert not labels & {
        "auth.Group",
        "token_blacklist.OutstandingToken",
        "token_blacklist.BlacklistedToken",
    }


def test_an_organization_admin_opens_only_what_is_scoped(admin: User) -> None:
    from knowledge.lib.admin import OrganizationScopedAdmin

    request = request_of(admin)
    for model, model_admin in django_admin.site._registry.items():
        if not isinstance(model_admin, OrganizationScopedAdmin):
            assert not model_admin.has_view_permission(request), model
            assert not model_admin.has_module_permission(request), model


def test_ordinary_users_do_not_get_in(owner: User, admin: User) -> None:
    client = enter(owner)
    assert client.get("/admin/", follow=True).status_code == 403
    assert client.get("/admin/accounts/user/", follow=True).status_code == 403
    assert enter(admin).get("/admin/").status_code == 200


def test_the_admin_uses_the_one_login_page(client: Client, admin: User) -> None:
    assert client.get("/admin/")["Location"] == "/login?next=/admin/"
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/login?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": admin.email, "password": PASSWORD})[
        "Location"
    ].startswith("/login")


def test_it_works_over_plain_http_on_a_lan_address(admin: User) -> None:
    client = Client(
        enforce_csrf_checks=True,
        headers={"Host": "192.168.1.20:8000", "Origin": "http://192.168.1.20:8000"},
    )
    client.get("/login")
    token = client.cookies["csrftoken"].value
    body = {"email": admin.email, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert client.post("/login?next=/admin/", body)["Location"] == "/admin/"
    client.get("/admin/accounts/team/add/")
    token = client.cookies["csrftoken"].value
    response = client.post(
        "/admin/accounts/team/add/",
        team_form("Legal", admin.organization, csrfmiddlewaretoken=token),
    )
    assert response.status_code == 302
    assert Team.objects.filter(name="Legal").exists()


def test_a_foreign_site_cannot_post_to_it(admin: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Origin": "http://evil.test"})
    client.force_login(admin)
    client.get("/admin/accounts/team/add/")
    token = client.cookies["csrftoken"].value
    body = team_form("Legal", admin.organization, csrfmiddlewaretoken=token)
    assert client.post("/admin/accounts/team/add/", body).status_code == 403


def team_form(name: str, home: Organization, *people: User, **fields) -> dict:
    form = {
        "name": name,
        "organization": str(home.pk),
        "memberships-TOTAL_FORMS": str(len(people)),
        "memberships-INITIAL_FORMS": "0",
    }
    for number, person in enumerate(people):
        form[f"memberships-{number}-user"] = str(person.pk)
    return {**form, **fields}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_a_row_of_another_organization_does_not_exist(rows, admin, model, page: str) -> None:
    client = enter(admin)
    theirs = next(row for row in rows["there"] if isinstance(row, model))
    label = f"/admin/accounts/{model._meta.model_name}"
    nowhere = uuid.uuid4() if isinstance(theirs.pk, uuid.UUID) else 999_999_999
    there = client.get(f"{label}/{theirs.pk}/{page}/")
    missing = client.get(f"{label}/{nowhere}/{page}/")
    assert there.status_code == missing.status_code != 200
    assert there.get("Location") == missing.get("Location")
    assert str(theirs) not in client.get("/admin/").content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_lists_filters_and_searches_name_nothing_of_others(rows, admin, model) -> None:
    client = enter(admin)
    label = f"/admin/accounts/{model._meta.model_name}/"
    for address in (label, f"{label}?q=rival", f"{label}?q=secret"):
        content = client.get(address).content.decode().replace('value="rival"', "")
        for theirs in rows["there"]:
            assert str(theirs) not in content or str(theirs).startswith("document.viewed")
            assert str(theirs.pk) not in content or isinstance(theirs, AuditEvent)


def test_choices_of_related_rows_end_at_the_organization(rows, admin, organization) -> None:
    client = enter(admin)
    for model in ("user", "team"):
        form = client.get(f"/admin/accounts/{model}/add/").context["adminform"].form
        assert set(form.fields["organization"].queryset) == {organization}
    found = client.get(
        "/admin/autocomplete/",
        {"app_label": "accounts", "model_name": "membership", "field_name": "user", "term": ""},
    ).json()["results"]
    assert {person["text"] for person in found} == {"admin@acme.test", "owner@acme.test"}


def user_form(**fields) -> dict:
    return {"email": "new@acme.test", "name": "", "role": "user", **fields}


def test_an_admin_creates_people_at_home_only(rows, admin, organization, other_organization):
    client = enter(admin)
    form = user_form(organization=str(other_organization.pk), new_password=PASSWORD)
    response = client.post("/admin/accounts/user/add/", form)
    assert response.status_code == 200
    assert "organization" in response.context["adminform"].form.errors
    form = user_form(organization=str(organization.pk), new_password=PASSWORD)
    assert client.post("/admin/accounts/user/add/", form).status_code == 302
    assert Client().login(username="new@acme.test", password=PASSWORD)
    created = AuditEvent.objects.get(action="user.created")
    assert (created.actor, created.organization) == (admin, organization)


def test_nobody_can_be_made_more_than_an_admin(rows, admin, owner, organization) -> None:
    client = enter(admin)
    powers = {"is_superuser": "on", "is_staff": "on", "groups": ["1"], "user_permissions": ["1"]}
    form = user_form(organization=str(organization.pk), new_password=PASSWORD, **powers)
    client.post("/admin/accounts/user/add/", form)
    form = user_form(email=owner.email, is_active="on", **powers)
    for person in (owner, admin):
        form = {**form, "email": person.email, "role": person.role}
        assert client.post(f"/admin/accounts/user/{person.pk}/change/", form).status_code == 302
    assert User.objects.filter(organization=organization).count() == 3
    for person in User.objects.filter(organization=organization):
        assert not person.is_superuser
        assert not person.groups.exists()
        assert not person.user_permissions.exists()
    fields = client.get(f"/admin/accounts/user/{owner.pk}/change/").context["adminform"].form.fields
    assert set(fields) == {"email", "name", "role", "is_active", "new_password"}


def test_nobody_moves_to_another_organization(rows, admin, owner, operator, other_organization):
    form = user_form(email=owner.email, is_active="on", organization=str(other_organization.pk))
    for actor in (admin, operator):
        enter(actor).post(f"/admin/accounts/user/{owner.pk}/change/", form)
        owner.refresh_from_db()
        assert owner.organization == admin.organization


def test_a_superuser_of_the_organization_is_shown_but_not_changed(admin, owner) -> None:
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    client = enter(admin)
    path = f"/admin/accounts/user/{owner.pk}/change/"
    assert client.get(path).status_code == 200
    form = user_form(email="mine@acme.test", is_active="on", new_password="taken-over-now")
    assert client.post(path, form).status_code == 403
    owner.refresh_from_db()
    assert owner.email == "owner@acme.test"
    assert owner.check_password(PASSWORD)


def test_an_operator_grants_and_takes_the_operators_right(operator, owner) -> None:
    client = enter(operator)
    path = f"/admin/accounts/user/{owner.pk}/change/"
    form = user_form(email=owner.email, is_active="on", is_superuser="on")
    assert client.post(path, form).status_code == 302
    owner.refresh_from_db()
    assert owner.is_superuser
    del form["is_superuser"]
    client.post(path, form)
    owner.refresh_from_db()
    assert not owner.is_superuser
    assert [e.action for e in AuditEvent.objects.order_by("id")] == [
        "user.superuser_granted",
        "user.superuser_revoked",
    ]


def test_a_password_set_here_ends_sessions(admin, owner) -> None:
    session = enter(owner)
    form = user_form(email=owner.email, is_active="on", new_password="another-fine-secret")
    enter(admin).post(f"/admin/accounts/user/{owner.pk}/change/", form)
    assert session.get("/profile").status_code == 302
    assert Client().login(username=owner.email, password="another-fine-secret")


def test_the_last_admin_stays_and_is_told_why(admin) -> None:
    client = enter(admin)
    path = f"/admin/accounts/user/{admin.pk}/change/"
    form = user_form(email=admin.email, role="user", is_active="on", name="Changed")
    response = client.post(path, form, follow=True)
    assert "last active administrator" in response.content.decode()
    admin.refresh_from_db()
    assert (admin.role, admin.name) == ("admin", "")


def test_members_of_a_team_are_people_of_its_organization(
    rows, admin, operator, owner, outsider, organization
) -> None:
    form = team_form("Legal", organization, outsider)
    response = enter(admin).post("/admin/accounts/team/add/", form)
    assert "valid choice" in response.content.decode()
    response = enter(operator).post("/admin/accounts/team/add/", form, follow=True)
    assert "no such person" in response.content.decode()
    assert not Team.objects.filter(name="Legal").exists()
    assert not Membership.objects.filter(user=outsider).exists()
    enter(admin).post("/admin/accounts/team/add/", team_form("Legal", organization, owner))
    assert set(Team.objects.get(name="Legal").members.all()) == {owner}
    assert set(AuditEvent.objects.filter(actor=admin).values_list("action", flat=True)) == {
        "team.created",
        "team.member_added",
    }


def test_a_member_is_removed_in_the_teams_page(rows, admin, owner, team) -> None:
    membership = Membership.objects.create(team=team, user=owner)
    form = {
        "name": team.name,
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": str(membership.pk),
        "memberships-0-team": str(team.pk),
        "memberships-0-DELETE": "on",
    }
    enter(admin).post(f"/admin/accounts/team/{team.pk}/change/", form)
    assert not team.members.exists()


def test_deleting_teams_in_bulk_is_recorded(rows, admin, team) -> None:
    theirs = Team.objects.exclude(organization=admin.organization).get()
    enter(admin).post(
        "/admin/accounts/team/",
        {
            "action": "delete_selected",
            "_selected_action": [str(team.pk), str(theirs.pk)],
            "post": "yes",
        },
    )
    assert set(Team.objects.all()) == {theirs}
    assert AuditEvent.objects.filter(action="team.deleted", actor=admin).count() == 1


def test_history_is_read_only_for_everybody(rows, admin, operator) -> None:
    event = AuditEvent.objects.filter(organization=admin.organization).first()
    for user in (admin, operator):
        client = enter(user)
        path = f"/admin/accounts/auditevent/{event.pk}"
        assert client.get(f"{path}/change/").status_code == 200
        for refused in (f"{path}/change/", f"{path}/delete/", "/admin/accounts/auditevent/add/"):
            assert client.post(refused, {"action": "x", "post": "yes"}).status_code == 403
    assert AuditEvent.objects.filter(pk=event.pk, action="document.viewed").exists()


def test_a_password_hash_cannot_be_guessed_through_a_filter(admin, owner) -> None:
    start = owner.password[:6]
    client = enter(admin)
    response = client.get(f"/admin/accounts/user/?password__startswith={start}")
    assert response.status_code == 400
    assert (
        client.get("/admin/accounts/auditevent/?actor__password__startswith=a").status_code == 400
    )
