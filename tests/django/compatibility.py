"""What stands between an old package and a newer one, so that each Django meets each knox.

knox 4.1 asks for two things that Django 4.0 took away, and nothing else in it is too old.
"""
import sys

import django
from django import dispatch
from django.utils import translation

SCRYPT = ["Scrypt"] if django.VERSION >= (4, 0) else []


class Signal(dispatch.Signal):
    """Says what it provides, which never did anything."""

    def __init__(self, providing_args=None, use_caching=False):
        super().__init__(use_caching=use_caching)


if django.VERSION >= (4, 0):
    dispatch.Signal = Signal
    translation.ugettext_lazy = translation.gettext_lazy

try:
    import pymysql
except ImportError:
    pass
else:
    pymysql.install_as_MySQLdb()


def knox_version():
    from importlib.metadata import version
    return tuple(int(part) for part in version("django-rest-knox").split(".")[:2])


def token_model():
    """knox 5 lets an app have a model of its own."""
    from knox import models
    return models.get_token_model() if hasattr(models, "get_token_model") else models.AuthToken


def knox_hash(name):
    """knox 5 takes a hash of hashlib, older ones take one of cryptography."""
    if knox_version() >= (5, 0):
        return "hashlib." + name
    return "cryptography.hazmat.primitives.hashes." + name.upper()
