"""Tunes garbage collection."""

import gc


def settle_memory() -> None:
    """Exempt the objects made so far from collection, and collect less often: a batch makes little garbage.

    Collecting after 10,000 objects takes up to 3 ms; after 100,000, everybody would wait 30 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 100)
