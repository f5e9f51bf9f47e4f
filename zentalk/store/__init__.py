"""Schemas and queries: the only importers of database drivers.

Functions here are synchronous and own no thread; callers move them off the event loop
with the injected `run_blocking`. Nothing here may decide a protocol question.
"""
