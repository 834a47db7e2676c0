import pytest

from sijstudy.config import StudyConfig
from sijstudy.errors import StudyError
from sijstudy.study.plan import make_plan
from sijstudy.study.profiles import parse_overrides


def test_a_profile_may_be_a_path(project, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("profile: mine\nepochs: 4\nweights: none\n")
    plan = make_plan(path, root=project, overrides={"seed": 5})
    assert (plan.config.profile, plan.config.epochs, plan.config.seed) == ("mine", 4, 5)
    assert plan.parameters.keys() == set(StudyConfig.names())


def test_overrides_are_read_as_yaml():
    pairs = ["epochs=5", "weights=none", "learning_rate=1.0e-2", "noise_redraw=false", "manifest=a=b", "profile='12'"]
    assert parse_overrides(pairs) == {
        "epochs": 5, "weights": "none", "learning_rate": 0.01, "noise_redraw": False,
        "manifest": "a=b", "profile": "12",
    }  # fmt: skip
    for bad in ("epochs", "=3", "epochs=[1"):
        with pytest.raises(StudyError, match=r"-p"):
            parse_overrides([bad])
