"""What is answered to a plain HTTP request: the page, ours or one of the user's own with the files beside it."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

from websockets.http11 import Response

from models.errors import UsageError
from realtime.websocket_server import response

#: What a page of one's own may ask for from the folder that it is in, and as what it is sent. Nothing below the folder,
#: and nothing else in it: it may be the one that downloads go to.
_KINDS = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
_BESIDE = re.compile(rf"/([A-Za-z0-9_-][A-Za-z0-9_.-]*\.({'|'.join(_KINDS)}))")

_REFERRER = {"Referrer-Policy": "no-referrer"}


class Pages:
    """The page at ``/``: ``own`` or, without it, the one that is shipped.

    A page of one's own is read anew each time, so that what is changed in it is there when the browser loads it again,
    and is not held to the addresses that ours is held to. Raises UsageError where ``own`` is no file.
    """

    def __init__(self, own: Path | None = None) -> None:
        if own is not None and not own.is_file():
            raise UsageError(f"the visual page must be a file of HTML, which {own} is not")
        self._own = own
        self._page = b"" if own is not None else Path(__file__).with_name("page.html").read_bytes()

    def answer(self, path: str, host: str) -> Response:
        """What is answered to a request for ``path``, by whoever calls us ``host``."""
        if path == "/" and self._own is None:
            return response(HTTPStatus.OK, self._page, "text/html; charset=utf-8", _REFERRER | _confined(host))
        if path == "/" and self._own is not None:
            return _file(self._own, "text/html; charset=utf-8")
        beside = _BESIDE.fullmatch(path) if self._own is not None else None
        if beside is None or self._own is None:
            return response(HTTPStatus.NOT_FOUND, b"there is one page here: /\n")
        return _file(self._own.parent / beside[1], _KINDS[beside[2]])


def _file(path: Path, kind: str) -> Response:
    try:
        return response(HTTPStatus.OK, path.read_bytes(), kind, _REFERRER)
    except OSError:
        return response(HTTPStatus.NOT_FOUND, f"there is no {path.name} beside the page\n".encode())


def _confined(host: str) -> dict[str, str]:
    """Our page asks this address alone for anything, and no other page may hold it in a frame."""
    # 'self' alone does not stand for ws: in every browser.
    policy = (
        f"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy}
