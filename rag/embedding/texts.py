"""What is embedded for a chunk: the same at ingestion, at repair and for another model."""


def embedding_text(title: str, heading: str, text: str) -> str:
    """Return a chunk's words under their headings, which are cut to spare tokens."""
    above = " > ".join(part for part in (title[:80], heading[-120:]) if part)
    return f"{above}\n{text}" if above else text
