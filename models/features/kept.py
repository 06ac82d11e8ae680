"""Answers that several feature sets need, computed once and kept for as long as what they are about."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

Subject = TypeVar("Subject")
Answer = TypeVar("Answer")


def kept(compute: Callable[[Subject], Answer]) -> Callable[[Subject], Answer]:
    """``compute``, asked once for each subject: an object that is compared by identity and can be referred to weakly.

    An answer is let go with its subject, and must not hold it. A number of latest answers would hold as many subjects:
    a window of sound lies in arrays of 8 MB that many share, but those of inputs that came and went share none.
    """
    answers: WeakKeyDictionary[Subject, Answer] = WeakKeyDictionary()

    @wraps(compute)
    def answer(subject: Subject) -> Answer:
        try:
            return answers[subject]
        except KeyError:
            found = answers[subject] = compute(subject)
            return found

    return answer
