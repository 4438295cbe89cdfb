"""What the OpenAPI document says of every operation alike."""

from typing import Any

_METHODS = frozenset({"get", "post", "put", "patch", "delete"})
_ERROR = {"$ref": "#/components/schemas/Error"}


def describe_errors(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Give each operation the one error shape as its default response."""
    result.setdefault("components", {}).setdefault("schemas", {}).update(_SCHEMAS)
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method in _METHODS:
                operation["responses"].setdefault("default", _RESPONSE)
    return result


_RESPONSE = {
    "description": "An error: the status says of what kind, `code` says which.",
    "content": {"application/json": {"schema": _ERROR}},
}
_SCHEMAS = {
    "Error": {
        "type": "object",
        "description": "The one shape of every error.",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "details"],
                "properties": {
                    "code": {"type": "string", "description": "Stable; for scripts."},
                    "message": {"type": "string", "description": "One sentence for a person."},
                    "details": {
                        "type": "object",
                        "additionalProperties": True,
                        "description": "Facts, such as the fields that are wrong.",
                    },
                },
            }
        },
    }
}
