"""Answers keep a verdict for each sentence, where they kept the spans of the unsupported ones."""

from django.db import migrations, models


def spans_to_sentences(apps, schema_editor):
    messages = apps.get_model("rag", "Message").objects
    for message in messages.exclude(unsupported=[]).only("pk", "unsupported").iterator():
        sentences = [
            {"start": start, "end": end, "status": "unsupported"}
            for start, end in message.unsupported
        ]
        messages.filter(pk=message.pk).update(sentences=sentences)


def sentences_to_spans(apps, schema_editor):
    messages = apps.get_model("rag", "Message").objects
    for message in messages.exclude(sentences=[]).only("pk", "sentences").iterator():
        spans = [
            [sentence["start"], sentence["end"]]
            for sentence in message.sentences
            if sentence["status"] == "unsupported"
        ]
        messages.filter(pk=message.pk).update(unsupported=spans)


class Migration(migrations.Migration):
    dependencies = [
        ("rag", "0006_evaluation_workspace"),
    ]

    operations = [
        migrations.AddField(
            model_name="message",
            name="sentences",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Sentences of the content that claim something, each with its verdict.",
            ),
        ),
        migrations.RunPython(spans_to_sentences, sentences_to_spans, elidable=True),
        migrations.RemoveField(model_name="message", name="unsupported"),
    ]
