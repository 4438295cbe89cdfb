"""Everything that changes an organization, its people and its teams, and records that it did."""

from accounts.services.audit_trail import export_chain, export_events, seal_again
from accounts.services.invitations import (
    NewInvitation,
    accept_invitation,
    find_invitation,
    invite,
    revoke_invitation,
)
from accounts.services.organizations import (
    create_organization,
    reinstate_organization,
    rename_organization,
    request_removal,
    suspend_organization,
)
from accounts.services.people import (
    NewAccount,
    change_email,
    change_role,
    create_user,
    deactivate_user,
    reactivate_user,
    rename_user,
    reset_password,
    set_password,
    set_superuser,
    sign_out_everywhere,
    update_user,
)
from accounts.services.sessions import (
    check_credentials,
    note_sign_in,
    note_sign_out,
    note_token_refresh,
    note_token_reuse,
)
from accounts.services.teams import (
    add_member,
    create_team,
    delete_team,
    remove_member,
    rename_team,
)

__all__ = [
    "NewAccount",
    "NewInvitation",
    "accept_invitation",
    "add_member",
    "change_email",
    "change_role",
    "check_credentials",
    "create_organization",
    "create_team",
    "create_user",
    "deactivate_user",
    "delete_team",
    "export_chain",
    "export_events",
    "find_invitation",
    "invite",
    "note_sign_in",
    "note_sign_out",
    "note_token_refresh",
    "note_token_reuse",
    "reactivate_user",
    "reinstate_organization",
    "remove_member",
    "rename_organization",
    "rename_team",
    "rename_user",
    "request_removal",
    "reset_password",
    "revoke_invitation",
    "seal_again",
    "set_password",
    "set_superuser",
    "sign_out_everywhere",
    "suspend_organization",
    "update_user",
]
