"""Reviewing: the ledger of decisions, their application, and the report."""
