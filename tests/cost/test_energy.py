"""appnas.cost.energy: counters in a folder like Linux's, and the estimate that is not called energy."""

import itertools

import pytest

from appnas.cost import energy


@pytest.fixture
def powercap(tmp_path):
    """Two packages, one about to start again from 0; the second's own subzone must not be counted twice."""
    for name, value, limit in (("intel-rapl:0", 999_000, 999_999), ("intel-rapl:1", 5_000, 999_999)):
        zone = tmp_path / name
        zone.mkdir()
        (zone / "energy_uj").write_text(f"{value}\n")
        (zone / "max_energy_range_uj").write_text(f"{limit}\n")
    (tmp_path / "intel-rapl:1:0").mkdir()
    return tmp_path


def add(powercap, microjoules):
    for zone in ("intel-rapl:0", "intel-rapl:1"):
        file = powercap / zone / "energy_uj"
        file.write_text(str((int(file.read_text()) + microjoules) % 1_000_000))


def test_counters_add_up_packages_and_survive_an_overflow(powercap):
    counters = energy.Counters(powercap)
    before = counters.read()
    assert before == [999_000, 5_000]
    add(powercap, 3_000)
    assert counters.read() == [2_000, 8_000]
    assert counters.since(before) == pytest.approx(0.006)


def test_joules_of_a_call_above_an_idle_machine(powercap, monkeypatch):
    """A clock by hand: 0.2 s of waiting cost 20 mJ (0.1 W), ten calls of 0.1 s cost 600 mJ: 50 mJ each above idling."""
    clock = itertools.accumulate([0.0, 0.2, 0.0, 1.0])
    monkeypatch.setattr(energy.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(energy.time, "sleep", lambda seconds: add(powercap, 10_000))
    calls = iter(range(100))

    def run():
        if next(calls) > 0:  # the first call warms up
            add(powercap, 30_000)

    assert energy.joules(run, repeats=10, root=powercap) == pytest.approx((0.6 - 0.1 * 1.0) / 10)


def test_without_counters_nothing_is_called_energy(tmp_path):
    with pytest.raises(OSError, match=r"no RAPL counters under .*: use estimated_J instead of energy_J"):
        energy.joules(lambda: None, root=tmp_path / "powercap")


def test_counters_of_root_only(powercap, monkeypatch):
    def read_text(self):
        raise PermissionError(13, "denied", str(self))

    counters = energy.Counters(powercap)
    monkeypatch.setattr(energy.Path, "read_text", read_text)
    with pytest.raises(PermissionError, match=r"energy_uj is readable by root only: use estimated_J"):
        counters.read()


def test_the_estimate_is_cpu_seconds_times_watts(monkeypatch):
    seconds = iter([1.0, 3.0])
    monkeypatch.setattr(energy.time, "process_time", lambda: next(seconds))
    assert energy.estimate(lambda: None, repeats=4, watts=10.0) == pytest.approx(5.0)
