"""The table of a user model that is Django's with something of its own."""
import django.contrib.auth.models
import django.utils.timezone
from django.db import migrations, models


def create(name, key, *more):
    """What `manage.py makemigrations` has for it, less its help for forms."""
    return migrations.CreateModel(
        name=name,
        fields=[
            ("id", key),
            ("password", models.CharField(max_length=128)),
            ("last_login", models.DateTimeField(blank=True, null=True)),
            ("is_superuser", models.BooleanField(default=False)),
            ("username", models.CharField(max_length=150, unique=True)),
            ("first_name", models.CharField(blank=True, max_length=150)),
            ("last_name", models.CharField(blank=True, max_length=150)),
            ("email", models.EmailField(blank=True, max_length=254)),
            ("is_staff", models.BooleanField(default=False)),
            ("is_active", models.BooleanField(default=True)),
            ("date_joined", models.DateTimeField(default=django.utils.timezone.now)),
            *more,
            ("groups", models.ManyToManyField(blank=True, related_name="user_set", to="auth.group")),
            ("user_permissions", models.ManyToManyField(blank=True, related_name="user_set", to="auth.permission")),
        ],
        managers=[("objects", django.contrib.auth.models.UserManager())],
    )
