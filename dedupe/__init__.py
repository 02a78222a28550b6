"""dedupe: a scraped news corpus goes in, a clean one comes out."""

__version__ = "0.1.0"
