"""Lets the database refuse to change the audit trail.

A migration that alters one of these tables on SQLite makes the table anew, without its triggers:
it has to end with `RunPython(create_triggers, drop_triggers)` of this module.
"""

from django.db import migrations, models

EVENT, CHAIN, CHECKPOINT = "accounts_auditevent", "accounts_auditchain", "accounts_auditcheckpoint"
REFUSED = "the audit trail is only added to"

SQLITE = {
    "audit_event_no_update": f"BEFORE UPDATE ON {EVENT} BEGIN {{refuse}} END",
    "audit_event_no_delete": f"""BEFORE DELETE ON {EVENT} WHEN NOT EXISTS (
        SELECT 1 FROM {CHECKPOINT} WHERE sequence >= OLD.sequence
        AND chain_id = COALESCE(OLD.organization_id, '{"0" * 32}')
    ) BEGIN {{refuse}} END""",
    # INSERT OR REPLACE would delete the row that it replaces without asking the trigger above.
    "audit_event_no_replace": f"""BEFORE INSERT ON {EVENT} WHEN EXISTS (
        SELECT 1 FROM {EVENT} WHERE id = NEW.id
    ) OR EXISTS (
        SELECT 1 FROM {EVENT} WHERE sequence = NEW.sequence
        AND organization_id IS NEW.organization_id
    ) BEGIN {{refuse}} END""",
    "audit_chain_no_return": f"""BEFORE UPDATE ON {CHAIN}
        WHEN NEW.key IS NOT OLD.key OR NEW.count < OLD.count BEGIN {{refuse}} END""",
    "audit_chain_no_delete": f"BEFORE DELETE ON {CHAIN} BEGIN {{refuse}} END",
    "audit_chain_no_replace": f"""BEFORE INSERT ON {CHAIN} WHEN EXISTS (
        SELECT 1 FROM {CHAIN} WHERE key = NEW.key) BEGIN {{refuse}} END""",
    "audit_checkpoint_no_update": f"BEFORE UPDATE ON {CHECKPOINT} BEGIN {{refuse}} END",
    "audit_checkpoint_no_delete": f"BEFORE DELETE ON {CHECKPOINT} BEGIN {{refuse}} END",
}

POSTGRES_FUNCTIONS = {
    "audit_refuse": f"BEGIN RAISE EXCEPTION '{REFUSED}'; END",
    "audit_refuse_uncovered": f"""BEGIN
        IF EXISTS (
            SELECT 1 FROM {CHECKPOINT} WHERE sequence >= OLD.sequence
            AND chain_id = COALESCE(OLD.organization_id, '00000000-0000-0000-0000-000000000000')
        ) THEN RETURN OLD; END IF;
        RAISE EXCEPTION '{REFUSED}';
    END""",
    "audit_refuse_return": f"""BEGIN
        IF NEW.key = OLD.key AND NEW.count >= OLD.count THEN RETURN NEW; END IF;
        RAISE EXCEPTION '{REFUSED}';
    END""",
}
POSTGRES = {
    "audit_event_no_update": (EVENT, "BEFORE UPDATE", "ROW", "audit_refuse"),
    "audit_event_no_delete": (EVENT, "BEFORE DELETE", "ROW", "audit_refuse_uncovered"),
    "audit_event_no_truncate": (EVENT, "BEFORE TRUNCATE", "STATEMENT", "audit_refuse"),
    "audit_chain_no_return": (CHAIN, "BEFORE UPDATE", "ROW", "audit_refuse_return"),
    "audit_chain_no_delete": (CHAIN, "BEFORE DELETE", "ROW", "audit_refuse"),
    "audit_chain_no_truncate": (CHAIN, "BEFORE TRUNCATE", "STATEMENT", "audit_refuse"),
    "audit_checkpoint_no_change": (CHECKPOINT, "BEFORE UPDATE OR DELETE", "ROW", "audit_refuse"),
    "audit_checkpoint_no_truncate": (CHECKPOINT, "BEFORE TRUNCATE", "STATEMENT", "audit_refuse"),
}


def create_triggers(apps, schema_editor):
    drop_triggers(apps, schema_editor)
    if schema_editor.connection.vendor == "sqlite":
        refuse = f"SELECT RAISE(ABORT, '{REFUSED}');"
        for name, body in SQLITE.items():
            schema_editor.execute(f"CREATE TRIGGER {name} {body.replace('{refuse}', refuse)}")
    elif schema_editor.connection.vendor == "postgresql":
        for name, body in POSTGRES_FUNCTIONS.items():
            schema_editor.execute(
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
            )
        for name, (table, moment, each, function) in POSTGRES.items():
            schema_editor.execute(
                f"CREATE TRIGGER {name} {moment} ON {table} FOR EACH {each}"
                f" EXECUTE FUNCTION {function}()"
            )


def drop_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        for name in SQLITE:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
    elif schema_editor.connection.vendor == "postgresql":
        for name, (table, *_) in POSTGRES.items():
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_audit_chain'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='auditevent',
            constraint=models.UniqueConstraint(fields=('organization', 'sequence'), name='audit_sequence'),
        ),
        migrations.AddConstraint(
            model_name='auditevent',
            constraint=models.UniqueConstraint(condition=models.Q(('organization__isnull', True)), fields=('sequence',), name='audit_sequence_of_platform'),
        ),
        migrations.RunPython(create_triggers, drop_triggers),
    ]
