#!/usr/bin/env python
"""Run Django's administrative commands."""

import os
import sys


def main() -> None:
    """Choose the development settings unless the environment names others, then run the command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "knowledge.settings.dev")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration error: {error}")  # the sentence names the variable


if __name__ == "__main__":
    main()
