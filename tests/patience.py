"""How long a test waits for what another process, thread, server or kernel has to do: one figure, one way to wait."""

import time

PATIENCE = 600  # seconds; only a test that fails waits so long, so it may be far more than a slow, busy machine needs
PATIENCE_MS = 1000 * PATIENCE  # as a browser counts


def wait_until(condition, what, alive=lambda: True):
    """Ask again and again until ``condition()`` is true, and return what it gave; the test fails after ``PATIENCE``.

    ``what`` is awaited, in words. Once ``alive()`` is false nothing can come any more: the test fails at once.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        lives = alive()  # asked first: what it did last before it ended counts
        if found := condition():
            return found
        assert lives, f"ended before: {what}"
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {what}"
        time.sleep(0.02)
