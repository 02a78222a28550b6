"""dedupe: a scraped news corpus goes in, a clean one comes out."""
