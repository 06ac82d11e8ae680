"""Shares work among processes: none, some on this machine, or those of a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, Protocol

from models.errors import MoodringError, UsageError


class Share(Protocol):
    """Runs ``function(item, common)`` over items somewhere; gives the results as they come, each with its place."""

    def __call__(self, function: Callable[..., Any], items: Sequence[Any], common: Any) -> Iterator[tuple[int, Any]]:
        """The results; the function, the items and what is common to them must be picklable.

        Raises ``MoodringError`` where processes are killed again and again over an item.
        """


def one_after_another(function: Callable[..., Any], items: Sequence[Any], common: Any) -> Iterator[tuple[int, Any]]:
    """The simplest ``Share``: here, in order."""
    return ((place, function(item, common)) for place, item in enumerate(items))


def _cluster(jobs: int) -> Any:
    import dask
    from distributed import LocalCluster

    # A web server cannot be left out, but it can have no pages, and a port that nobody else wants.
    with dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}):
        return LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            host="127.0.0.1",
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        )


@contextmanager
def workers(jobs: int, scheduler: str | None) -> Iterator[Share]:
    """``jobs`` processes of this machine, or the workers of the Dask cluster at ``scheduler`` (``tcp://…``).

    Raises ``UsageError`` where no scheduler answers.
    """
    if scheduler is None and jobs == 1:
        yield one_after_another
        return
    from distributed import Client, as_completed

    # Dask sets these levels when it is loaded, so not before: what it says of its workers is not for who waits.
    for name in ("distributed", "distributed.client", "distributed.gc"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    cluster = _cluster(jobs) if scheduler is None else None
    try:
        client = Client(cluster or scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler} ({type(error).__name__}); start one") from None

    def share(function: Callable[..., Any], items: Sequence[Any], common: Any) -> Iterator[tuple[int, Any]]:
        if not items:
            return
        # What is common travels to each worker once, not with every item.
        spread = client.scatter(common, broadcast=True, hash=False)
        # A worker that dies takes its item with it; another one tries again.
        futures = [client.submit(function, item, spread, retries=2, pure=False) for item in items]
        places = {future.key: place for place, future in enumerate(futures)}
        for future, result in as_completed(futures, with_results=True):
            # What no worker is left to give, since each that tried was killed, comes back as cancelled.
            if isinstance(result, CancelledError):
                raise MoodringError(
                    "a process was killed over and over, most likely for want of memory; "
                    "try again with fewer jobs: what is done is kept"
                )
            yield places[future.key], result

    try:
        yield share
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
