"""A flood of random packets, a small one: what is sent goes on, and controls are still taken."""

from __future__ import annotations

from tests.benchmarks.osc_flood import RATE_HZ, measure


def test_a_flood_is_taken_to_its_end_while_outputs_go_on():
    packets = 20_000
    outcome = measure(packets, quiet_s=1.0)
    assert outcome.received == packets + packets // 64 + 1
    assert packets / 2 < outcome.malformed + outcome.unknown + outcome.refused <= outcome.received
    assert outcome.grown_mb < 5.0
    assert outcome.listens
    # On a machine that does other things, too.
    assert outcome.flooded_hz > RATE_HZ / 2
