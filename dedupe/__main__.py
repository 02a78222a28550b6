"""`python -m dedupe`: the command line."""

from dedupe.cli import main

main()
