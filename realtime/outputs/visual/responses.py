"""What is answered to a plain HTTP request: the page, or a line that says why not."""

from __future__ import annotations

from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response


def response(status: HTTPStatus, body: bytes, host: str | None = None) -> Response:
    """An answer that ends the connection; a page where ``host`` says at which address it is."""
    kind = "text/plain" if host is None else "text/html"
    headers = Headers()
    headers["Content-Type"] = f"{kind}; charset=utf-8"
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    if host is not None:
        # 'self' alone does not stand for ws: in every browser. No other page may hold this one in a frame.
        headers["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
            f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    return Response(status.value, status.phrase, headers, body)
