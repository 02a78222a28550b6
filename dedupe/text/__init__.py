"""Text as material: normal form, tokens, alignment, the algebra of edit spans, and the lexicon that reads rules/."""
