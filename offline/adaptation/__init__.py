"""A correction of what a bundle says, learned from one listener's ratings, and whether it is worth having.

``rated`` asks the base about the rated music, ``delay`` finds how late the listener answers, ``learning`` makes the
``correction``, ``guard`` judges it on sessions that were left out, and ``graph`` writes it as a bundle.
"""
