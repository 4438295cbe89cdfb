"""Django admin with our site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """Names the site and takes off it what is nobody's business."""

    default = False
    default_site = "accounts.admin_site.AdminSite"

    def ready(self) -> None:
        """Find every app's admin module, then take some models of other packages off again."""
        super().ready()
        from accounts.admin_site import unregister_hidden

        unregister_hidden()
