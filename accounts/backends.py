"""Who signs in with email and password; the organization comes along, for each request asks it."""

from typing import cast

from asgiref.sync import sync_to_async
from django.contrib.auth.backends import ModelBackend

from accounts.models import User


class Backend(ModelBackend):
    """Django's own, which reads the organization in the same query."""

    def get_user(self, user_id: object) -> User | None:
        people = User._default_manager.select_related("organization")
        user = people.filter(pk=cast("str", user_id)).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: object) -> User | None:
        return await sync_to_async(self.get_user)(user_id)
