"""Artists as they are credited, told apart well enough that no one stands on both sides of a split."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection

_UNKNOWN = frozenset({"", "-", "?", "n/a", "unknown", "unknown artist", "various", "various artists"})
#: What a credit goes on with after the name of the artist.
_JOINED = re.compile(r"\s*[-+]\s*|\s+(?:and|feat\.?|ft\.?|with|vs\.?|remixes)\s+|'s\s")


def spelled(credit: str) -> str | None:
    """The credit in one spelling, None where it names nobody."""
    text = unicodedata.normalize("NFKC", html.unescape(credit)).casefold().replace("&", " and ")
    text = " ".join(text.split())
    return None if text in _UNKNOWN else text


def leads(credits: Collection[str]) -> dict[str, str]:
    """For each credit, spelled, the artist it is grouped with: the one it begins with, if that one is known.

    DEAM's list is cut from file names at their last hyphen, so that "artist-first half of a title" stands where the
    artist should; and artists play with others. An artist is known who is credited alone, or with two such titles.
    """
    beginnings = [credit.partition("-")[0].strip() for credit in set(credits) if "-" in credit]
    known = {*credits, *(name for name in beginnings if beginnings.count(name) > 1)}

    def lead(credit: str) -> str:
        starts = (credit[: joint.start()] for joint in _JOINED.finditer(credit))
        return next((start for start in starts if start in known), credit)

    return {credit: lead(credit) for credit in credits}
