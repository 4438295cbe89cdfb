"""`manage.py bootstrap`: brings an installation to where it can be used; safe to run every time."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from accounts.services import NewAccount
from knowledge.lib.errors import AppError
from rag.services import first_run
from rag.services.schedules import ensure_schedules
from rag.services.settings_trail import note_settings


class Command(BaseCommand):
    help = (
        "Migrates the database; on the first run also creates the organization and its admin "
        "and uploads the sample handbook. Running it again changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
        ensure_schedules()
        note_settings()
        admin = self._create_first_organization()
        if admin is not None and settings.SAMPLE:
            self._upload_samples(admin)

    def _create_first_organization(self) -> NewAccount | None:
        try:
            admin = first_run.create_first_organization(
                name=settings.ORGANIZATION_NAME,
                admin_email=settings.ADMIN_EMAIL,
                admin_password=settings.ADMIN_PASSWORD,
            )
        except (ValidationError, AppError) as error:
            reasons = " ".join(getattr(error, "messages", [str(error)]))
            raise CommandError(
                f"The first organization could not be created: {reasons} "
                "(ORGANIZATION_NAME, ADMIN_EMAIL and ADMIN_PASSWORD choose it.)"
            ) from error
        # Shown before anything else can fail: a generated password is kept nowhere else.
        if admin is not None:
            self._show(admin)
        return admin

    def _show(self, admin: NewAccount) -> None:
        password = admin.generated_password
        shown = f"{password}   (shown this once; change it on the profile page)"
        self.stdout.write(f'\nCreated the organization "{settings.ORGANIZATION_NAME}". Sign in as')
        self.stdout.write(f"  email     {admin.user.email}")
        self.stdout.write(f"  password  {shown if password else 'as set in ADMIN_PASSWORD'}\n")

    def _upload_samples(self, admin: NewAccount) -> None:
        folder = settings.BASE_DIR / "samples"
        documents = first_run.upload_samples(owner=admin.user, folder=folder)
        self.stdout.write(
            f"Uploaded a sample handbook of {len(documents)} documents; it is being read in the "
            "background, which takes about a minute."
        )
