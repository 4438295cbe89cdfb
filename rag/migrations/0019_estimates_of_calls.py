"""Reservations hold an estimate; the ledger of older installations is added up by day."""

from django.db import migrations, models
from django.db.models import Sum
from django.db.models.functions import TruncDate

OF_LANGUAGE_MODELS = ("chat", "condense", "title", "judge")
BILLION = 1_000_000_000


def add_up_the_ledger(apps, schema_editor):
    """Make the totals of the days that have none: calls of before there were totals."""
    UsageRecord = apps.get_model("rag", "UsageRecord")
    DailyUsage = apps.get_model("rag", "DailyUsage")
    calls = UsageRecord.objects.order_by().annotate(day=TruncDate("created_at"))
    known = set(DailyUsage.objects.values_list("holder", "day"))
    totals = {}
    groups = calls.values_list("organization_id", "user_id", "day", "feature").annotate(
        Sum("prompt_tokens"), Sum("completion_tokens"), Sum("cost")
    )
    for organization, user, day, feature, prompt, completion, cost in groups.iterator():
        for holder in filter(None, (organization, user)):
            total = totals.setdefault((organization, holder, day), [0, 0])
            total[0] += prompt + completion if feature in OF_LANGUAGE_MODELS else 0
            total[1] += round(cost * BILLION)
    DailyUsage.objects.bulk_create(
        [
            DailyUsage(
                organization_id=organization, holder=holder, day=day, tokens=tokens, cost=cost
            )
            for (organization, holder, day), (tokens, cost) in totals.items()
            if (tokens or cost) and (holder, day) not in known
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [("rag", "0018_paused_index_runs")]

    operations = [
        migrations.AddField(
            model_name='reservation',
            name='completion_tokens',
            field=models.PositiveIntegerField(default=0, help_text='As estimated.'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='feature',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='reservation',
            name='model',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='reservation',
            name='prompt_tokens',
            field=models.PositiveIntegerField(default=0, help_text='As estimated.'),
        ),
        migrations.AlterField(
            model_name='dailyusage',
            name='cost',
            field=models.PositiveBigIntegerField(default=0, help_text='In billionths; embedding too.'),
        ),
        migrations.AlterField(
            model_name='dailyusage',
            name='tokens',
            field=models.PositiveBigIntegerField(default=0, help_text='Of language models.'),
        ),
        migrations.AlterField(
            model_name='usagerecord',
            name='outcome',
            field=models.CharField(choices=[('completed', 'Complete'), ('stopped', 'Stopped'), ('failed', 'Failed'), ('lost', 'Cut off with its process; estimated')], max_length=10),
        ),
        migrations.RunPython(add_up_the_ledger, migrations.RunPython.noop),
    ]
