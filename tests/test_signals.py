"""How a command is ended by the system."""

import signal

import pytest

from sijstudy.signals import Terminated, raised_signals


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_the_first_signal_ends_as_ctrl_c_does_and_others_do_not_disturb_what_cleans_up(number, status):
    with raised_signals() as came:
        with pytest.raises(KeyboardInterrupt, match=f"ended by {number.name}") as stop:
            signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    assert isinstance(stop.value, Terminated)
    assert came == [stop.value]
    assert came[0].status == status
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_the_command_was_started_to_ignore_is_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raised_signals() as came:
            signal.raise_signal(signal.SIGHUP)
        assert came == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
