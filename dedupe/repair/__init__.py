"""Repairing what scraping and spinning broke: match, gate, evidence, grammar, layout, encoding."""
