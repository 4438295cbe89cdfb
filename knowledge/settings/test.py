"""Fast, silent and without a model: what the tests use unless one asks for the real parts."""

import atexit
import os
import shutil
import tempfile

# A test run writes nowhere but into a folder of its own, whatever the environment says: tests
# delete what they made.
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="knowledge-test-")
atexit.register(shutil.rmtree, os.environ["DATA_DIR"], ignore_errors=True)

from knowledge.settings.base import *  # noqa: F403
from knowledge.settings.base import DATA_DIR, DATABASES, EMBEDDERS, Q_CLUSTER

# A file as in production: in memory, SQLite refuses a second writer instead of letting it wait.
if DATABASES["default"]["ENGINE"] == "knowledge.lib.sqlite":
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMBEDDING_MODEL = "fake"
EMBEDDERS = {**EMBEDDERS, "fake-wide": "rag.embedding.fake.WideFakeEmbedder"}
LLM_PROVIDER = "extractive"
WARM_UP = False
RATE_LIMITS = {}  # a test that is about them sets its own
LOGGING = None
Q_CLUSTER = {**Q_CLUSTER, "sync": False}
