"""The table of members, who have UUIDs."""
import uuid

import user_table
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [user_table.create(
        "Member",
        models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
    )]
