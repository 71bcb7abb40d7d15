"""Figures are sums over what /metrics says."""

import pytest

from router.demo.figures import Samples, share

SAMPLES = Samples("""
# TYPE router_messages_received_total counter
router_messages_received_total{channel="email",outcome="queued"} 3.0
router_messages_received_total{channel="email",outcome="duplicate"} 1.0
router_messages_received_total{channel="sms",outcome="queued"} 2.0
""")
RECEIVED = "router_messages_received_total"


@pytest.mark.parametrize(
    ("labels", "sum_"),
    [({}, 6), ({"outcome": "queued"}, 5), ({"outcome": "queued", "channel": "sms"}, 2), ({"channel": "chat"}, 0)],
)
def test_sum_is_over_the_samples_with_the_labels(labels: dict[str, str], sum_: int):
    assert SAMPLES.sum(RECEIVED, **labels) == sum_


def test_sums_are_told_apart_by_a_label():
    assert SAMPLES.by("channel", RECEIVED) == {"email": 4, "sms": 2}


def test_unknown_metric_counts_nothing():
    assert SAMPLES.sum("router_no_such_total") == 0


@pytest.mark.parametrize(("part", "whole", "said"), [(0, 0, "-"), (1, 1, "100 %"), (199, 200, "99 %"), (0, 3, "0 %")])
def test_share_is_never_rounded_up(part: int, whole: int, said: str):
    assert share(part, whole) == said
