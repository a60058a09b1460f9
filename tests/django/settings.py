"""A Django as people have it, by the environment:

DATABASE_URL     sqlite:///FILE, postgres://... or mysql://...
AUTH_USER_MODEL  auth.User, or people.Person for a model of its own, or members.Member for one with UUIDs
KNOX_TOKEN_MODEL knox.AuthToken, or visits.Visit for a model of its own, with knox 5
KNOX_HASH        what knox digests tokens with: sha512, sha256, sha384, sha3_256, sha3_512, blake2b
"""
import os
from urllib.parse import unquote, urlsplit

import compatibility  # before anything asks for what a newer Django has no more

ENGINES = {"sqlite": "sqlite3", "postgres": "postgresql", "mysql": "mysql"}


def database(url):
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends." + ENGINES[parts.scheme],
        "NAME": parts.path if parts.scheme == "sqlite" else parts.path[1:],
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
    }


DATABASES = {"default": database(os.environ["DATABASE_URL"])}
AUTH_USER_MODEL = os.environ.get("AUTH_USER_MODEL", "auth.User")
KNOX_TOKEN_MODEL = os.environ.get("KNOX_TOKEN_MODEL", "knox.AuthToken")
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    "knox",
    *(app for app in ("people", "members") if AUTH_USER_MODEL.startswith(app + ".")),
    *(["visits"] if KNOX_TOKEN_MODEL == "visits.Visit" else []),
]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
ROOT_URLCONF = "views"
ALLOWED_HOSTS = ["testserver"]
SECRET_KEY = "of no worth"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
REST_KNOX = {"SECURE_HASH_ALGORITHM": compatibility.knox_hash(os.environ.get("KNOX_HASH", "sha512"))}

# Django's own kinds, and bcrypt as it was before it became bcrypt_sha256. MD5 is not among them.
PASSWORD_HASHERS = ["hashers." + kind for kind in (
    "PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "BCrypt", *compatibility.SCRYPT)]
