"""Runners: where and how the one pipeline of this project is executed."""
