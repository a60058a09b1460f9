"""A user model of its own, as most projects have: Django's, with a column more."""
from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    phone = models.CharField(max_length=30, blank=True, default="")
