"""The server behind `dedupe review --web`; loaded only then, for it needs Flask."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from werkzeug.serving import WSGIRequestHandler, make_server

import dedupe
from dedupe.review.articles import ArticleStore
from dedupe.review.web import make_app


class _QuietHandler(WSGIRequestHandler):
    """A handler that does not log each request."""

    def log_request(self, *arguments: object) -> None:
        """Nothing."""


def serve(out: Path, reviewer: str, port: int, open_browser: Callable[[str], object] | None) -> None:
    """Serves the review of the run in `out` on this machine until Ctrl-C; port 0 is any free one."""
    articles, token = ArticleStore(out), secrets.token_urlsafe(32)
    # The port is known once the socket is bound, and the application is made for exactly that one.
    server = make_server("127.0.0.1", port, lambda *request: app(*request), threaded=True, request_handler=_QuietHandler)
    try:
        app = make_app(out, token, reviewer, server.server_port, lambda: _apply(out), articles)
        address = f"http://127.0.0.1:{server.server_port}/#token={token}"
        click.echo(f"review at     {address}\nCtrl-C stops; everything is saved in {out}/decisions.jsonl")
        if open_browser:
            open_browser(address)
        server.serve_forever()
    finally:
        server.server_close()
        articles.close()
    click.echo(f"next          `dedupe apply {out}` writes the corpus with the decisions, if the page did not")


def _apply(out: Path) -> dict[str, Any]:
    """The counts after the corpus was written anew, and what is not in effect."""
    summary = dedupe.apply_decisions(out)  # loaded when it is first used, so that the page opens sooner
    return {"counts": dict(summary.counts), "stale": list(summary.stale)}
