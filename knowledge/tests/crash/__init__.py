"""Crash tests: processes are killed at named and at random moments; nothing may be lost."""
