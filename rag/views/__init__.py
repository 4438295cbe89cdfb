"""Pages of `rag`: the chat, its conversations and its answers."""
