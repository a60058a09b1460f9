"""What this Django says: it is the one that authgate has to agree with."""
import json

from django.contrib.auth import get_user_model
from django.db import transaction
from rest_framework.test import APIClient

# A hash that Django cannot read is an answer of 500, and so a no.
CLIENT = APIClient(raise_request_exception=False)


def verdicts(file, by="id"):
    """For each login and each token the number (or the name) of the user who that is, or null."""
    with open(file, encoding="utf-8") as known:
        known = json.load(known)
    print(json.dumps({
        "logins": [undone(who_logs_in, by, it["username"], it["password"]) for it in known["logins"]],
        "tokens": [undone(who_calls, by, token) for token in known["tokens"]],
    }))


def undone(ask, *arguments):
    """A login writes a new hash, and a dead token is deleted when it is seen."""
    with transaction.atomic():
        answer = ask(*arguments)
        transaction.set_rollback(True)
    return answer


def who_logs_in(by, username, password):
    answer = CLIENT.post("/login/", {"username": username, "password": password}, format="json")
    return who_calls(by, answer.json()["token"]) if answer.status_code == 200 else None


def who_calls(by, token):
    for path in ("/knox/", "/authtoken/"):
        answer = CLIENT.get(path, HTTP_AUTHORIZATION="Token " + token)
        if answer.status_code == 200:
            return answer.json()[by]
    return None


def state():
    """What is told of people, less what a login changes."""
    print(json.dumps([
        {
            "id": user.pk,
            "username": user.username,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "groups": sorted(group.name for group in user.groups.all()),
            "is_active": user.is_active,
            "is_staff": user.is_staff,
            "is_superuser": user.is_superuser,
            "date_joined": user.date_joined.isoformat(),
        }
        for user in get_user_model().objects.order_by("pk")
    ]))
