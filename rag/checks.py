"""System checks of the search and answer settings."""
