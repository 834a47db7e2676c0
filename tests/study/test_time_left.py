import io
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from tqdm import tqdm

import sijstudy
from sijstudy.study.expected_work import Work
from sijstudy.study.time_left import BAR, TimeLeft, in_words

PACKAGE = Path(sijstudy.__file__).parent

# a cohort, two notebooks with networks (the second's epochs cost twice as much), a last one without
WORKS = {
    "01": Work(other=60),
    "02": Work(epochs=20, epoch=1e6, other=10),
    "03": Work(epochs=40, epoch=2e6, other=20),
    "04": Work(other=30),
}


class Clock:
    """A clock that moves when told."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Run(TimeLeft):
    """A run in which time passes by what it does; what is no training takes ``slow`` times what is expected."""

    def __init__(self, slow=1.0, **options):
        super().__init__(WORKS, clock=Clock(), **options)
        self.slow = slow

    def wait(self, seconds):
        self.clock.now += seconds

    def notebook(self, name):
        """One without networks to train."""
        self.begin(name)
        self.wait(self.works[name].other * self.slow)
        self.end()

    def train(self, epochs, seconds, *, done=0, start=7.0, stop=None):
        """Epochs from ``done`` on, each taking ``seconds``; ``start``: until the processes are there."""
        self.hear(f"training 2 networks:   0%|          | 0/{epochs} [00:00<?, ?epoch/s]")
        self.wait(start)
        for number in range(done + 1, (epochs if stop is None else stop) + 1):
            self.wait(seconds)
            self.hear(f"training 2 networks: |██ | {number}/{epochs} [01:00<00:30,  3.1s/epoch]")


def test_nothing_is_said_before_networks_were_timed():
    run = Run()
    assert run.words() == ""
    run.notebook("01")
    run.begin("02")
    run.train(20, 3.0, stop=1)
    assert run.words() == ""
    run.train(20, 3.0, start=0, done=1, stop=2)
    assert run.words()


def test_after_two_epochs_the_rest_is_known():
    run = Run()
    run.notebook("01")
    run.begin("02")
    run.train(20, 3.0, stop=2)
    # 18 epochs here and 40 of twice the cost, then what is no training; 7 s have gone into the start of processes
    assert run.seconds() == pytest.approx(18 * 3 + 40 * 6 + 10 + 20 + 30)


def test_networks_side_by_side_are_timed_from_their_first_round_on():
    run = Run(side_by_side=2)
    run.notebook("01")
    run.begin("02")
    run.wait(10)
    for seconds, done in ((10, 1), (0.2, 2), (5.8, 3), (0.2, 4)):
        run.wait(seconds)
        run.hear(f"training 2 networks: | {done}/20 [00:10<00:10,  3.1s/epoch]")
    # two more epochs in six seconds: 3 s each; nothing was left of this notebook's other work
    assert run.seconds() == pytest.approx(16 * 3 + 40 * 6 + 0 + 20 + 30)


def test_a_slow_machine_is_noticed_in_both_kinds_of_work():
    run = Run(slow=3)
    run.notebook("01")
    run.begin("02")
    run.train(20, 9.0, stop=2)
    assert run.seconds() == pytest.approx(18 * 9 + 40 * 18 + 3 * (10 + 20 + 30))


def test_it_corrects_itself_when_the_machine_slows_down():
    run = Run()
    run.notebook("01")
    run.begin("02")
    run.train(20, 3.0)
    before = run.seconds()
    run.wait(10)
    run.end()
    run.begin("03")
    run.train(40, 30.0, start=0, stop=20)
    assert before == pytest.approx(40 * 6 + 10 + 20 + 30, rel=0.01)
    assert run.seconds() > 20 * 15  # the twenty that are left, at a rate between both


def test_time_runs_down_within_a_notebook_but_not_below_nothing():
    run = Run()
    run.notebook("01")
    run.notebook("02")
    run.notebook("03")
    run.begin("04")
    assert run.seconds() == pytest.approx(30)
    run.wait(10)
    assert run.seconds() == pytest.approx(20)
    run.wait(100)
    assert run.seconds() == 0
    run.end()
    assert run.words() == ""


def test_kept_networks_of_a_finished_run_take_no_time():
    run = Run(kept={"02", "03"})
    run.notebook("01")
    assert run.seconds() == pytest.approx(10 + 20 + 30)
    run.notebook("02")
    assert run.seconds() == pytest.approx(20 + 30)


def test_networks_that_other_code_had_left_are_trained_anew():
    run = Run(kept={"02", "03"})
    run.notebook("01")
    run.begin("02")
    run.train(20, 3.0, stop=4)
    assert run.seconds() == pytest.approx(16 * 3 + 40 * 6 + 10 + 20 + 30)


def test_a_notebook_that_trains_nothing_says_that_later_ones_will_not_either():
    run = Run()
    run.notebook("01")
    run.notebook("02")  # its networks were kept by a run of another name
    assert run.seconds() == pytest.approx(20 + 30)


def test_a_stopped_run_trains_what_is_missing():
    run = Run(kept={"02"})
    run.notebook("01")
    run.notebook("02")
    run.begin("03")
    run.train(40, 6.0, done=30, stop=34)  # thirty were done when it was stopped
    assert run.seconds() == pytest.approx(6 * 6 + 20 + 30)


def test_networks_trained_earlier_than_expected_are_not_expected_twice():
    run = Run()
    run.notebook("01")
    run.begin("02")
    run.train(100, 3.0, stop=50)  # this one's 20, and the work of the next
    assert run.seconds() == pytest.approx(50 * 3 + 10 + 20 + 30)


def test_a_run_without_networks_is_timed_by_its_notebooks():
    run = TimeLeft({"05": Work(other=10), "06": Work(other=10)}, clock=Clock())
    run.begin("05")
    assert run.seconds() is None
    run.clock.now += 40
    run.end()
    assert run.seconds() == pytest.approx(40)


def test_other_bars_and_other_lines_are_no_training():
    run = Run()
    run.begin("02")
    for line in (
        "synthetic cohort:  85%|███ | 41/48 [00:41<00:05]",
        "training 40%",
        "",
        "attention: | 3/5 [00:01<00:02]",
    ):
        run.hear(line)
    assert run._spent["02"].training is None


def test_the_bar_of_training_is_understood():
    stream = io.StringIO()
    with tqdm(total=18, desc="training 2 networks", unit="epoch", file=stream, mininterval=0) as bar:
        bar.update(7)
    run = Run()
    run.begin("02")
    for line in filter(None, map(str.strip, stream.getvalue().split("\r"))):
        run.hear(line)
    training = run._spent["02"].training
    assert (training.done, training.total) == (7, 18)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute left"), (29, "less than a minute left"), (40, "about 1 min left"),
        (14 * 60 + 20, "about 14 min left"), (3600, "about 1 h left"), (3 * 3600 + 640, "about 3 h 10 min left"),
    ],
)  # fmt: skip
def test_words_are_as_coarse_as_the_forecast(seconds, words):
    assert in_words(seconds) == words


def test_a_bar_in_a_notebook_is_the_text_that_is_listened_to(tmp_path):
    cell = "from sijstudy.training.parallel import tqdm\nfor _ in tqdm(range(2), desc='training 2 networks'): pass"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(output["text"] for output in notebook.cells[0].outputs if output["output_type"] == "stream")
    assert BAR.match(said.replace("\n", "").split("\r")[-1]), notebook.cells[0].outputs
    assert not [path for path in PACKAGE.rglob("*.py") if "tqdm.auto" in path.read_text(encoding="utf-8")]
