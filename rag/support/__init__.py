"""Whether the passages say what the sentences of an answer say."""
