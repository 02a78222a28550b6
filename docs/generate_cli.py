"""Writes docs/cli.md from the help of the commands; `--check` only tells whether it is up to date.

python docs/generate_cli.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from dedupe.cli import main

TARGET = Path(__file__).resolve().parent / "cli.md"
HEAD = """\
# Command line

Generated from the commands' own help by `python docs/generate_cli.py`. Exit codes and files are described in
[formats.md](formats.md); every option that belongs to the settings can also stand in `dedupe.toml` or in the environment
(`--show-config` prints them all).
"""


def build_reference() -> str:
    """The whole page."""
    blocks = [f"\n## {name}\n\n```text\n{help}\n```\n" for name, help in describe_commands(main, "dedupe")]
    return HEAD + "".join(blocks)


def describe_commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Name and help of a command and of all below it."""
    context = click.Context(command, info_name=name.split()[-1], parent=parent, terminal_width=100, max_content_width=100)
    context.help_option_names = ["-h", "--help"]
    lines = command.get_help(context).splitlines()
    yield name, "\n".join(line.rstrip() for line in lines)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from describe_commands(found, f"{name} {child}", context)


if __name__ == "__main__":
    page = build_reference()
    if "--check" in sys.argv[1:]:
        if not TARGET.is_file() or TARGET.read_text("utf-8") != page:
            sys.exit(f"{TARGET.name} is out of date; run: python docs/generate_cli.py")
    else:
        TARGET.write_text(page, "utf-8")
