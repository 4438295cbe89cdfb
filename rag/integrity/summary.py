"""The figures of a check in words, for the command line and for Django admin."""

from typing import Any


def summary(report: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the figures of a report, as `Report.as_json` gives them, by name."""
    lines: list[tuple[str, str]] = []
    if "model" in report:
        lines += _index_lines(report)
    files = report["files"]
    stored = "" if files["stored"] is None else f"{files['stored']:,} stored; "
    lines.append(
        (
            "files",
            f"{stored}files without rows: {files['without_rows']:,}, "
            f"rows without files: {files['rows_without_files']:,}, "
            f"set aside: {files['set_aside']:,}",
        )
    )
    return lines


def _index_lines(report: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("model", f"{report['model']} ({report['dimension']} dimensions)"),
        ("version", f"{report['version']:,}"),
        (
            "documents",
            f"{report['documents']:,} completed, "
            f"{report['documents_past_lease']:,} past their lease",
        ),
        ("chunks", f"{report['chunks']:,}, {report['unembedded']:,} without an embedding"),
        (
            "embeddings",
            f"{report['embeddings']:,}, {report['wrong_dimension']:,} of wrong dimension, "
            f"{report['not_unit_length']:,} not of unit length, "
            f"{report['not_finite']:,} not finite, {report['wrong_model']:,} of unknown models",
        ),
    ]
    for model, count in report["other_models"].items():
        lines.append(("", f"and {count:,} of {model}, which is not in use"))
    lines += [
        (f"{name} index", part_summary(report[key]))
        for name, key in (("vector", "vector"), ("word", "lexical"))
        if report[key]
    ]
    if report["vector"] and report["vector"]["snapshot"]:
        lines.append(("snapshot", _snapshot(report["vector"]["snapshot"])))
    return lines


def part_summary(part: dict[str, Any]) -> str:
    """Say what one index holds."""
    counts = ", ".join(
        f"{part[name]:,} {name}" for name in ("missing", "extra", "duplicate", "altered")
    )
    return f"{part['backend']}, {part['index_type']}: {part['entries']:,} entries, {counts}"


def _snapshot(snapshot: dict[str, Any]) -> str:
    if snapshot["version"] is None:
        return str(snapshot["condition"])
    age = round(snapshot["age_s"] or 0)
    return (
        f"{snapshot['condition']}, version {snapshot['version']:,}, {snapshot['count']:,} vectors, "
        f"{snapshot['size'] / 1e6:,.1f} MB, {age:,} s old"
    )
