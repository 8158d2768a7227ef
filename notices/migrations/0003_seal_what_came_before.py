"""Facts that were recorded before there was a ledger wait for the sealer like all others."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notices", "0002_evidence_that_stands_up")]

    operations = [
        migrations.RunSQL(
            "INSERT INTO notices_sealqueue (evidence_id) SELECT id FROM notices_evidence ON CONFLICT DO NOTHING",
            migrations.RunSQL.noop,
        ),
    ]
