"""The product in two processes on one database, for tests of what one sees of the other."""
