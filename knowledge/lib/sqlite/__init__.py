"""Django's SQLite backend with connections that outlive the request; named as ENGINE."""
