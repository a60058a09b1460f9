"""Django's password formats at costs that a test can pay.

A wrong password costs as much as the hash that Django would make today, however cheap the one that
it has: so these say what that is. Hashes of full cost are still made, by Django's own classes.
"""
import compatibility
from django.contrib.auth import hashers

KINDS = ["PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", *compatibility.SCRYPT]


def full(kind):
    """A hasher as Django has it."""
    return getattr(hashers, kind + "PasswordHasher")()


def cheap(kind):
    """The class of a hasher whose hashes are made at once."""
    own = type(full(kind))
    return type(kind, (own,), {"iterations": 1000, "rounds": 5, "time_cost": 1, "memory_cost": 512, "work_factor": 256})


# Settings name a class by the module that it is in.
PBKDF2, PBKDF2SHA1, Argon2, BCryptSHA256, BCrypt, *scrypt = map(cheap, KINDS)
if scrypt:
    Scrypt = scrypt[0]
