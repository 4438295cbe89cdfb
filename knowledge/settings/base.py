"""Every setting of the product, read from the environment here and nowhere else."""

import stat
import tomllib
from datetime import timedelta
from pathlib import Path

import dj_database_url
import django_stubs_ext
from csp.constants import NONE, SELF
from django.core.management.utils import get_random_secret_key

from knowledge import env

# Lets classes of Django that are generic for the type checker be subscripted at run time too.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR)


def _secret_key(path: Path) -> str:
    """Return the key in the file, written on the first run so that sessions outlive a restart."""
    if not path.exists():
        beside = path.with_suffix(".new")
        beside.write_text(get_random_secret_key() + get_random_secret_key(), encoding="utf-8")
        beside.chmod(stat.S_IRUSR | stat.S_IWUSR)
        beside.rename(path)
    return path.read_text(encoding="utf-8").strip()


# --- core ---------------------------------------------------------------------------------------
SECRET_KEY = env.text("SECRET_KEY") or _secret_key(DATA_DIR / ".secret_key")
DEBUG = env.boolean("DEBUG", False)
# One machine on a LAN is reached by names and addresses that nobody lists beforehand; the session
# cookie is bound to the host, so a foreign name reaches only the login page. Production must list.
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["*"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
PRODUCT_VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]["version"]
ROOT_URLCONF = "knowledge.urls"
ASGI_APPLICATION = "knowledge.asgi.application"
WSGI_APPLICATION = "knowledge.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False

INSTALLED_APPS = [
    "accounts",
    "documents",
    "rag",
    "knowledge.lib",
    "accounts.admin_config.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "django_q",
    "csp",
    "axes",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "knowledge.lib.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    # Before WhiteNoise: what a package serves as a static page is bound like our own pages.
    "knowledge.lib.browser_policy.BrowserPolicyMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.LoginRequiredMiddleware",
    "knowledge.lib.middleware.RequestUserMiddleware",
    "knowledge.lib.throttling.RateLimitMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "knowledge.lib.middleware.AppErrorMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- server -------------------------------------------------------------------------------------
HOST = env.text("HOST", "0.0.0.0")  # noqa: S104  a LAN's browsers reach it; 127.0.0.1 keeps them out  # nosec B104
PORT = env.integer("PORT", 8000, minimum=1, maximum=65_535)
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES", ["127.0.0.1"])

# --- first run ----------------------------------------------------------------------------------
ORGANIZATION_NAME = env.text("ORGANIZATION_NAME", "My organization")
ADMIN_EMAIL = env.text("ADMIN_EMAIL", "admin@example.com")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")
SAMPLE = env.boolean("SAMPLE", True)

# --- database -----------------------------------------------------------------------------------
DATABASES = {
    "default": dj_database_url.parse(
        env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}"),
        # Under ASGI each request has a thread of its own, and a connection kept by a thread that
        # has ended would stay open until it is collected as garbage.
        conn_max_age=0,
    )
}
# How long a request waits for a lock; then it answers 503, and nothing has changed.
DATABASE_BUSY_TIMEOUT_S = env.integer("DATABASE_BUSY_TIMEOUT_S", 20, minimum=1)
DATABASE_CONNECT_TIMEOUT_S = env.integer("DATABASE_CONNECT_TIMEOUT_S", 5, minimum=1)
DATABASE_STATEMENT_TIMEOUT_S = env.integer("DATABASE_STATEMENT_TIMEOUT_S", 60, minimum=1)
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        connect_timeout=DATABASE_CONNECT_TIMEOUT_S,
        options=(
            f"-c lock_timeout={DATABASE_BUSY_TIMEOUT_S}s "
            f"-c statement_timeout={DATABASE_STATEMENT_TIMEOUT_S}s"
        ),
    )
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "knowledge.lib.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        # A writer takes the lock when it begins, so that it waits for the busy time-out instead
        # of failing at its first write.
        "transaction_mode": "IMMEDIATE",
        "timeout": DATABASE_BUSY_TIMEOUT_S,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
            "PRAGMA cache_size=-16000; PRAGMA temp_store=MEMORY;"
        ),
    }

# --- files --------------------------------------------------------------------------------------
MEDIA_ROOT = DATA_DIR / "media"
VECTOR_STORE_DIR = DATA_DIR / "vector_store"
PAGE_CACHE_DIR = DATA_DIR / "page_cache"  # pictures of pages; may be emptied at any time
DIAGNOSTICS_DIR = DATA_DIR / "diagnostics"  # the latest slow and failed requests, without a word
EVALUATION_DIR = DATA_DIR / "evaluation_cache"  # vectors of data sets; may be emptied at any time
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Static files are served from where they lie, so that a fresh clone needs no build step.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "documents.storage.DurableFileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_HANDLERS = [
    "documents.upload_limit.UploadLimitHandler",  # first, so that the others never see the excess
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "documents.upload_limit.UnnamedFileUploadHandler",
]
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_BYTES", 50 * 1024 * 1024, minimum=1)
# A form may send several files at once; the rest of a longer request is not even read.
MAX_REQUEST_BYTES = 4 * MAX_UPLOAD_BYTES + 1024 * 1024
MAX_BATCH_FILES = env.integer("MAX_BATCH_FILES", 10_000, minimum=1)  # of one folder
DATA_UPLOAD_MAX_NUMBER_FILES = env.integer("MAX_FILES_PER_REQUEST", 50, minimum=1)

# --- people -------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "rag:chat"
LOGOUT_REDIRECT_URL = "accounts:login"
SESSION_COOKIE_AGE = env.integer("SESSION_HOURS", 12, minimum=1) * 3600
INVITATION_DAYS = env.integer("INVITATION_DAYS", 7, minimum=1, maximum=365)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "knowledge.lib.views.csrf_failure"

# After so many failures in a row for an email from an address, neither gets in for a while. Counted
# in the database, and so the same for every process; for emails that nobody has, too.
LOGIN_FAILURES = env.integer("LOGIN_FAILURES", 8, minimum=1)
LOGIN_LOCKOUT_MINUTES = env.integer("LOGIN_LOCKOUT_MINUTES", 15, minimum=1)
AXES_FAILURE_LIMIT = LOGIN_FAILURES
AXES_COOLOFF_TIME = timedelta(minutes=LOGIN_LOCKOUT_MINUTES)
AXES_USERNAME_FORM_FIELD = "username"  # the name by which the email is passed
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on trying does not make it longer
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.address_of"
AXES_DISABLE_ACCESS_LOG = True  # the audit trail is the record
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
# Its middleware would answer with a page of its own; `accounts.lockout` asks before a password is
# looked at, where its backend would ask.
SILENCED_SYSTEM_CHECKS = ["axes.W002", "axes.W003"]

# --- mail ---------------------------------------------------------------------------------------
# Without a host nothing is mailed: invitations are links to hand over.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1, maximum=65_535)
EMAIL_SECURITY = env.choice("EMAIL_SECURITY", "starttls", ["starttls", "tls", "none"])
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL_SECURITY == "starttls", EMAIL_SECURITY == "tls"
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "knowledge@localhost")
EMAIL_TIMEOUT = 10  # seconds; a request waits for it

# --- API ----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PAGINATION_CLASS": "knowledge.lib.api.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["knowledge.lib.throttling.RateThrottle"],
    "EXCEPTION_HANDLER": "knowledge.lib.api.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.integer("ACCESS_TOKEN_MINUTES", 30, minimum=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.integer("REFRESH_TOKEN_DAYS", 7, minimum=1)),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,  # nosec B105  # a switch, not a password
    "UPDATE_LAST_LOGIN": True,
    "ALGORITHM": "HS256",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Knowledge assistant API",
    "DESCRIPTION": "Documents, retrieval and cited answers, limited to what the caller may read.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "DocumentStatusEnum": "documents.models.Document.Status",
        "MessageStatusEnum": "rag.models.Message.Status",
        "MessageRoleEnum": "rag.models.Message.Role",
        "UserRoleEnum": "accounts.models.User.Role",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "knowledge.lib.schema.describe_errors",
    ],
}

# --- browser security ---------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Asked for by no page, and so by no script that would ever get into one.
_UNUSED_FEATURES = (
    *("accelerometer", "autoplay", "camera", "display-capture", "encrypted-media"),
    *("geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer"),
    *("microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get"),
    *("screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)
BROWSER_POLICY = {
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Browsers ignore this header over plain HTTP and complain about it in the console.
SECURE_CROSS_ORIGIN_OPENER_POLICY: str | None = None

# --- background work ----------------------------------------------------------------------------
WORKERS = env.integer("WORKERS", 1, minimum=1)
Q_CLUSTER = {
    "name": "knowledge",
    "orm": "default",
    "broker_class": "knowledge.lib.worker_signs.Broker",
    "workers": WORKERS,
    # A task works through the waiting documents for some minutes and rings again if any are left;
    # what bounds a document's work is the lease on its row.
    "timeout": 3600,
    "retry": 4000,
    "max_attempts": 1,
    "ack_failures": True,
    "poll": 0.5,
    "bulk": 1,
    "queue_limit": 4,
    "save_limit": 200,
    "catch_up": False,
    "daemonize_workers": False,  # a worker starts the extraction children
    "label": "Background work",
}

# --- documents ----------------------------------------------------------------------------------
# `documents` names its collaborators by dotted path, so that it never imports `rag`.
INGESTION_TASK = "rag.tasks.ingest_document"
DOCUMENT_PROJECTION = "rag.projection.DocumentProjection"
ORGANIZATION_REMOVAL_TASK = "rag.tasks.remove_organization"
CHUNK_SIZE = env.integer("CHUNK_SIZE", 500, minimum=50)  # characters
CHUNK_OVERLAP = env.integer("CHUNK_OVERLAP", 100, minimum=0)  # characters
EXTRACTION_TIMEOUT_S = env.integer("EXTRACTION_TIMEOUT_S", 120, minimum=1)
EXTRACTION_MEMORY_BYTES = env.integer("EXTRACTION_MEMORY_BYTES", 1024**3, minimum=64 * 1024**2)
PAGE_IMAGE_TIMEOUT_S = env.integer("PAGE_IMAGE_TIMEOUT_S", 20, minimum=1)
# LibreOffice opens a whole deck at the first look at one of its slides.
SLIDES_TIMEOUT_S = env.integer("SLIDES_TIMEOUT_S", 60, minimum=1)
PAGE_IMAGES_AT_ONCE = env.integer("PAGE_IMAGES_AT_ONCE", 2, minimum=1)  # in each process
PAGE_CACHE_BYTES = env.integer("PAGE_CACHE_BYTES", 512 * 1024**2, minimum=0)
MAX_PAGES = env.integer("MAX_PAGES", 5_000, minimum=1)
MAX_DOCUMENT_CHARACTERS = env.integer("MAX_DOCUMENT_CHARACTERS", 20_000_000, minimum=1)
MAX_DOCUMENT_CHUNKS = env.integer("MAX_DOCUMENT_CHUNKS", 100_000, minimum=1)
# What a person and an organization may keep, attachments included; 0: as much as there is room for.
MAX_USER_DOCUMENTS = env.integer("MAX_USER_DOCUMENTS", 0, minimum=0)
MAX_USER_BYTES = env.integer("MAX_USER_BYTES", 0, minimum=0)
MAX_ORGANIZATION_DOCUMENTS = env.integer("MAX_ORGANIZATION_DOCUMENTS", 0, minimum=0)
MAX_ORGANIZATION_BYTES = env.integer("MAX_ORGANIZATION_BYTES", 0, minimum=0)
MAX_ATTACHMENTS = env.integer("MAX_ATTACHMENTS", 25, minimum=0)  # of one message
OCR_LANGUAGES = env.text("OCR_LANGUAGES", "eng")
OCR_MAX_PAGES = env.integer("OCR_MAX_PAGES", 200, minimum=0)
OCR_TIMEOUT_S = env.integer("OCR_TIMEOUT_S", 60, minimum=1)  # a page

# --- ingestion ----------------------------------------------------------------------------------
INGEST_LEASE_S = env.integer("INGEST_LEASE_S", 60, minimum=5)
# A call of the model or a transaction that takes longer hangs: its worker is given up.
INGEST_STALL_S = env.integer("INGEST_STALL_S", 180, minimum=10)
INGEST_MAX_ATTEMPTS = env.integer("INGEST_MAX_ATTEMPTS", 4, minimum=1)
INGEST_BACKOFF_S = env.integer("INGEST_BACKOFF_S", 10, minimum=1)
SWEEP_INTERVAL_MINUTES = env.integer("SWEEP_INTERVAL_MINUTES", 1, minimum=1)
INDEX_CHECK_INTERVAL_HOURS = env.integer("INDEX_CHECK_INTERVAL_HOURS", 24, minimum=1)

# --- embedding and index ------------------------------------------------------------------------
EMBEDDERS = {
    "all-MiniLM-L6-v2": "rag.embedding.sentence_transformer.MiniLMEmbedder",
    "multilingual-e5-small": "rag.embedding.multilingual_e5.MultilingualE5Embedder",
    "fake": "rag.embedding.fake.FakeEmbedder",
}
EMBEDDING_MODEL = env.choice("EMBEDDING_MODEL", "all-MiniLM-L6-v2", list(EMBEDDERS))
# A query encode takes one thread some 15 ms; two encoding threads on a busy machine made it 97 ms.
EMBEDDING_THREADS = env.integer(
    "EMBEDDING_THREADS", 0, minimum=0
)  # 0: 1 in the web, all in a worker
# Questions encode one after the other; so many may wait, each so many seconds. (Ingestion waits for
# as long as it takes.)
EMBEDDING_QUEUE = env.integer("EMBEDDING_QUEUE", 64, minimum=0)
EMBEDDING_TIMEOUT_S = env.number("EMBEDDING_TIMEOUT_S", 10.0, minimum=0.1)
# Load model and indexes when the server starts, rather than at the first question.
WARM_UP = env.boolean("WARM_UP", True)
# Questions with the documents that answer them (JSON lines): a change of the model that finds them
# worse is refused. How much worse is no reason, in MRR@10 and recall@10.
REEMBED_EVALUATION_SET = env.text("REEMBED_EVALUATION_SET")
REEMBED_TOLERANCE = env.number("REEMBED_TOLERANCE", 0.02, minimum=0.0)
EMBEDDING_PRECISION = env.choice("EMBEDDING_PRECISION", "auto", ["auto", "float32", "bfloat16"])
VECTOR_INDEXES = {"faiss": "rag.index.faiss_index.FaissIndex"}
VECTOR_INDEX = env.choice("VECTOR_INDEX", "faiss", list(VECTOR_INDEXES))
# Among more vectors than these, one-byte codes find the candidates that are then compared exactly.
VECTOR_EXACT_ROWS = env.integer("VECTOR_EXACT_ROWS", 50_000, minimum=0)
# Private memory of a process for indexes; beyond it, those not asked for longest are dropped.
INDEX_MEMORY_BYTES = env.integer("INDEX_MEMORY_BYTES", 2 * 1024**3, minimum=0)
# How long a search waits for another one that loads the index, before it answers 503.
INDEX_LOAD_TIMEOUT_S = env.number("INDEX_LOAD_TIMEOUT_S", 30.0, minimum=0.1)
# The index of words lives in the database, and so follows from it.
LEXICAL_INDEXES = {
    "sqlite": "rag.index.sqlite_fts.SqliteFtsIndex",
    "postgresql": "rag.index.postgres_text.PostgresTextIndex",
}
LEXICAL_INDEX = DATABASES["default"]["ENGINE"].rpartition(".")[2]
# A model that reads question and passage together, as the last stage of a search: the folder or
# the name of a sentence-transformers CrossEncoder; empty: none. It judges so many passages.
RERANKERS = {
    "cross-encoder": "rag.reranker.cross_encoder.CrossEncoderReranker",
    "fake": "rag.reranker.fake.FakeReranker",
}
RERANKER_MODEL = env.text("RERANKER_MODEL")
RERANKER_CANDIDATES = env.integer("RERANKER_CANDIDATES", 20, minimum=1)

# --- overload -----------------------------------------------------------------------------------
# Of each process: so many at once, so many waiting, each so many seconds; what is more is refused
# with 503 and Retry-After, before it costs memory and makes everybody else wait.
REQUEST_PLACES = env.integer("REQUEST_PLACES", 32, minimum=1)  # each has a thread
REQUEST_QUEUE = env.integer("REQUEST_QUEUE", 200, minimum=0)
REQUEST_WAIT_S = env.number("REQUEST_WAIT_S", 10.0, minimum=0.1)
SEARCH_PLACES = env.integer("SEARCH_PLACES", 4, minimum=1)
SEARCH_QUEUE = env.integer("SEARCH_QUEUE", 100, minimum=0)
SEARCH_WAIT_S = env.number("SEARCH_WAIT_S", 10.0, minimum=0.1)
ANSWER_PLACES = env.integer("ANSWER_PLACES", 32, minimum=1)
ANSWER_QUEUE = env.integer("ANSWER_QUEUE", 32, minimum=0)
ANSWER_WAIT_S = env.number("ANSWER_WAIT_S", 15.0, minimum=0.1)
# Connections, idle ones and open streams included; the last line of defence.
MAX_CONNECTIONS = env.integer("MAX_CONNECTIONS", 1_000, minimum=10)

# --- rate limits --------------------------------------------------------------------------------
# Of each: requests of one person, and of one address, behind which a whole office may sit; several
# windows are joined by ";". Where the person is not known yet, their place is taken by the email.
RATE_LIMITS: dict[str, tuple[str, str]] = {
    "login": (
        env.text("RATE_LIMIT_LOGIN", "120/hour"),
        env.text("RATE_LIMIT_LOGIN_ADDRESS", "60/minute"),
    ),
    # Creating an account tells whether its address is taken, elsewhere too.
    "people": (env.text("RATE_LIMIT_PEOPLE", "300/hour"), ""),
    "chat": (
        env.text("RATE_LIMIT_CHAT", "30/minute"),
        env.text("RATE_LIMIT_CHAT_ADDRESS", "600/minute"),
    ),
    "retrieval": (
        env.text("RATE_LIMIT_RETRIEVAL", "120/minute"),
        env.text("RATE_LIMIT_RETRIEVAL_ADDRESS", "1200/minute"),
    ),
    "upload": (
        env.text("RATE_LIMIT_UPLOAD", "300/minute"),
        env.text("RATE_LIMIT_UPLOAD_ADDRESS", "1500/minute"),
    ),
    "api": (
        env.text("RATE_LIMIT_API", "600/minute"),
        env.text("RATE_LIMIT_API_ADDRESS", "3000/minute"),
    ),
}
if not env.boolean("RATE_LIMITS", True):
    RATE_LIMITS = {}
# Where the counts are: in the memory of the one web process, or where several share them.
RATE_LIMIT_STORAGE = env.text("RATE_LIMIT_STORAGE", "memory://")
# Answers that one person may have written at the same time, streamed or not.
MAX_ANSWERS_AT_ONCE = env.integer("MAX_ANSWERS_AT_ONCE", 4, minimum=1)

# --- answers ------------------------------------------------------------------------------------
MAX_QUERY_CHARACTERS = env.integer("MAX_QUERY_CHARACTERS", 2_000, minimum=1)
RETRIEVAL_TOP_K = env.integer("RETRIEVAL_TOP_K", 8, minimum=1)
MAX_TOP_K = 50
CHAT_MODELS = {
    "extractive": "rag.llm.extractive.ExtractiveModel",
    "openai": "rag.llm.openai_compatible.OpenAICompatibleModel",
    "fake": "rag.llm.fake.FakeChatModel",
}
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
LLM_BASE_URL = env.text("LLM_BASE_URL")
LLM_MODEL = env.text("LLM_MODEL", "gpt-4o-mini")
# Further models of that server, to be chosen for an organization.
LLM_MODELS = env.words("LLM_MODELS", [])
LLM_PROVIDER = env.choice(
    "LLM_PROVIDER",
    "openai" if (OPENAI_API_KEY or LLM_BASE_URL) else "extractive",
    list(CHAT_MODELS),
)
LLM_CONNECT_TIMEOUT_S = env.number("LLM_CONNECT_TIMEOUT_S", 5.0, minimum=0.1)
LLM_READ_TIMEOUT_S = env.number("LLM_READ_TIMEOUT_S", 60.0, minimum=0.1)
# The longest that a whole answer may take; one still open a minute later lost its process.
TURN_TIMEOUT_S = env.integer("TURN_TIMEOUT_S", 300, minimum=1)
TURN_ABANDONED_AFTER = timedelta(seconds=TURN_TIMEOUT_S + 60)
LLM_MAX_RETRIES = env.integer("LLM_MAX_RETRIES", 2, minimum=0)
# After so many failed calls in a row, within so many seconds, calls are refused for a pause; then
# one call is let through as a trial.
LLM_CIRCUIT_FAILURES = env.integer("LLM_CIRCUIT_FAILURES", 5, minimum=1)
LLM_CIRCUIT_WINDOW_S = env.number("LLM_CIRCUIT_WINDOW_S", 300.0, minimum=1.0)
LLM_CIRCUIT_PAUSE_S = env.number("LLM_CIRCUIT_PAUSE_S", 30.0, minimum=0.1)
LLM_MAX_TOKENS = env.integer("LLM_MAX_TOKENS", 700, minimum=1)
LLM_TEMPERATURE = env.number("LLM_TEMPERATURE", 0.0, minimum=0.0)
LLM_CONTEXT_CHARACTERS = env.integer("LLM_CONTEXT_CHARACTERS", 12_000, minimum=1_000)
# Price of a million tokens of a model that the price table does not name; 0 for one of one's own.
LLM_PROMPT_PRICE = env.amount("LLM_PROMPT_PRICE")
LLM_COMPLETION_PRICE = env.amount("LLM_COMPLETION_PRICE")
# One for the installation: amounts are added up. For people to read; nothing is converted.
CURRENCY = env.text("CURRENCY", "USD")
ANSWER_PROMPT = env.text("ANSWER_PROMPT", "v1")
CONDENSE_PROMPT = env.text("CONDENSE_PROMPT", "v1")
# Whether the chat model is also asked which sentences of its answers the passages support.
LLM_JUDGE = env.boolean("LLM_JUDGE", False)
TITLE_PROMPT = env.text("TITLE_PROMPT", "v1")
# Whether a generating model gives conversations their titles; else their first words do.
LLM_TITLES = env.boolean("LLM_TITLES", True)

# --- diagnostics --------------------------------------------------------------------------------
# What Prometheus shows as its bearer token; empty: there is no /metrics.
METRICS_TOKEN = env.text("METRICS_TOKEN")
SLOW_REQUEST_MS = env.integer("SLOW_REQUEST_MS", 2_000, minimum=1)
MIN_FREE_DISK_BYTES = env.integer("MIN_FREE_DISK_BYTES", 1024**3, minimum=0)

# --- logging ------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING: dict[str, object] | None = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "context": {"()": "knowledge.lib.logging.ContextFilter"},
        "unforeseen": {"()": "knowledge.lib.logging.UnforeseenFilter"},
    },
    "formatters": {"json": {"()": "knowledge.lib.logging.JsonFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["context"],
            "formatter": "json",
        },
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # SECURITY: these write the query string, and so what somebody searched for. (Without any
        # handler, their warnings would reach the terminal all the same.)
        "django.server": {"handlers": ["nowhere"], "propagate": False},
        "uvicorn.access": {"handlers": ["nowhere"], "propagate": False},
        "uvicorn": {"handlers": [], "level": "INFO", "propagate": True},
        # Each request has its own line.
        "django.request": {"level": "ERROR", "filters": ["unforeseen"]},
        "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        "sentence_transformers": {"level": "WARNING"},
        "transformers": {"level": "ERROR"},
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "faiss": {"level": "WARNING"},
    },
}
