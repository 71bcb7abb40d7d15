"""The shipped policy, hastened: the same rules on a quicker clock."""

from datetime import timedelta

from router.demo.pace import HASTE, hastened
from router.policy.parse import parse_policy
from router.settings import default_policy_path

SHIPPED = default_policy_path().read_text()


def test_every_target_is_shorter_and_a_second_at_least():
    shipped, quick = parse_policy(SHIPPED).routes, parse_policy(hastened(SHIPPED)).routes
    for slow, fast in zip(shipped, quick, strict=True):
        assert fast.target == max(timedelta(seconds=1), timedelta(seconds=slow.target.total_seconds() // HASTE))


def test_nothing_but_times_is_changed():
    lines = zip(SHIPPED.splitlines(), hastened(SHIPPED).splitlines(), strict=True)
    changed = [before.split(":")[0].strip() for before, after in lines if before != after]
    assert set(changed) == {"target", "sticky_for"}
