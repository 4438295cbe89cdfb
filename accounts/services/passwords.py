"""Makes passwords for people who are given one."""

from django.utils.crypto import get_random_string

# No signs that are mistaken for one another when a password is read out or copied by hand.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 18  # some 104 bits


def generate_password() -> str:
    """Return a random password that is safe to hand over."""
    return get_random_string(_LENGTH, _ALPHABET)
