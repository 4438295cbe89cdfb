"""Pages of `accounts`."""

from django.urls import path

from accounts.views import audit, invitations, members, sessions, teams

app_name = "accounts"
urlpatterns = [
    path("login", sessions.login_page, name="login"),
    path("logout", sessions.logout_page, name="logout"),
    path("profile", sessions.profile, name="profile"),
    path("profile/password", sessions.change_password, name="change_password"),
    path("profile/sign-out-everywhere", sessions.sign_out_everywhere, name="sign_out_everywhere"),
    path("members", members.members, name="members"),
    path("members/<uuid:user_id>/role", members.change_role, name="member_role"),
    path("members/<uuid:user_id>/deactivate", members.deactivate, name="member_deactivate"),
    path("members/<uuid:user_id>/reactivate", members.reactivate, name="member_reactivate"),
    path("members/<uuid:user_id>/password", members.reset_password, name="member_password"),
    path("invitations", invitations.invitations, name="invitations"),
    path("invitations/<uuid:invitation_id>/revoke", invitations.revoke, name="invitation_revoke"),
    path("join/<str:token>", invitations.join, name="join"),
    path("teams", teams.teams, name="teams"),
    path("teams/<uuid:team_id>/rename", teams.rename, name="team_rename"),
    path("teams/<uuid:team_id>/delete", teams.delete, name="team_delete"),
    path("teams/<uuid:team_id>/members", teams.add_member, name="team_add_member"),
    path(
        "teams/<uuid:team_id>/members/<uuid:user_id>/remove",
        teams.remove_member,
        name="team_remove_member",
    ),
    path("audit/", audit.trail, name="audit"),
    path("audit/export", audit.export, name="audit_export"),
]
