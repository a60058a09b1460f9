"""The table of people, who have a telephone."""
import user_table
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [user_table.create(
        "Person",
        models.AutoField(primary_key=True, serialize=False),
        ("phone", models.CharField(blank=True, default="", max_length=30)),
    )]
