"""Finding overlaps: shingles, MinHash signatures, LSH bands, verification, clusters, the choice of a canonical."""
