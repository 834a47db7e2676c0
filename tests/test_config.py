"""Parameters: the paper's defaults, one clear line for every bad value."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sijstudy.config import StudyConfig, read_profile
from sijstudy.errors import StudyError
from sijstudy.study.parameters import parameters_cell

ROOT = Path(__file__).parent.parent


def test_defaults_are_the_papers():
    config = StudyConfig()
    paper = {
        "axspa_subjects": 60, "control_subjects": 19, "positive_slices": 422, "negative_slices": 393,
        "matrix_size": 448, "roi_factor": 0.8, "patch_size": 224, "noise_gaussian_variance": 0.3,
        "backbone": "resnet18", "weights": "imagenet", "loss": "focal", "batch_size": 32, "learning_rate": 0.03,
        "epochs": 50, "folds": 5, "test_fraction": 0.3, "median_size": 3,
    }  # fmt: skip
    assert config.subset(*paper) == paper


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown parameter 'epoch'; did you mean 'epochs'"),
        ({"epochs": "3"}, "epochs='3' must be a whole number, such as 50"),
        ({"epochs": True}, "epochs=True must be a whole number"),
        ({"epochs": 0}, r"epochs=0 must lie in \[1, 10000\]"),
        ({"learning_rate": 0}, r"learning_rate=0.0 must lie in \(0.0, 10.0\]"),
        ({"learning_rate": float("nan")}, "learning_rate=nan must lie in"),
        ({"median_size": 4}, "median_size=4 must be odd: 3 or 5"),
        ({"backbone": "vgg"}, "backbone='vgg' must be one of resnet18, resnet34, resnet50"),
        ({"positive_slices": 100}, "positive_slices=100 does not fit axspa_subjects=60, who carry 4 to 23 slices"),
        ({"negative_slices": 100}, "negative_slices=100 does not fit control_subjects=19, who carry 18 to 25 slices"),
    ],
)
def test_bad_values_get_one_line_that_names_them(values, message):
    with pytest.raises(StudyError, match=message) as caught:
        StudyConfig.from_mapping(values, source="my.yaml")
    assert str(caught.value).startswith("my.yaml: ")
    assert "\n" not in str(caught.value)


def test_whole_numbers_serve_as_floats():
    assert StudyConfig(roi_factor=1).roi_factor == 1.0
    assert isinstance(StudyConfig(roi_factor=1).roi_factor, float)


def test_namespace_of_a_notebook():
    namespace = {"seed": 4, "In": ["x"], "Out": {}, "_i1": "x", "open": open, "Path": Path}
    assert StudyConfig.from_namespace(namespace).seed == 4
    with pytest.raises(StudyError, match="unknown parameter 'sed'; did you mean 'seed'"):
        StudyConfig.from_namespace({"sed": 4})


@given(
    st.dictionaries(st.sampled_from(StudyConfig.names()), st.one_of(st.none(), st.text(), st.floats(), st.integers()))
)
@example({"axspa_subjects": 5})
@example({"control_subjects": 5})
def test_any_mapping_gives_a_config_or_a_study_error(values):
    try:
        assert isinstance(StudyConfig.from_mapping(values), StudyConfig)
    except StudyError as error:
        assert any(name in str(error) for name in values)


def test_parameters_cell_runs_and_gives_the_defaults():
    namespace = {}
    exec(parameters_cell(), namespace)
    namespace.pop("__builtins__")
    assert StudyConfig.from_mapping(namespace) == StudyConfig()


def test_a_parameters_cell_of_some_names_them_in_the_order_of_all():
    lines = parameters_cell(("epochs", "profile")).splitlines()
    assert [line.partition(" = ")[0] for line in lines if not line.startswith("#")] == ["profile", "epochs"]
    assert set(lines) <= set(parameters_cell().splitlines())


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks/profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_profiles_are_valid_and_named_as_their_file(path):
    assert StudyConfig.from_yaml(path).profile == path.stem


def test_profile_problems_name_the_file(tmp_path):
    (tmp_path / "broken.yaml").write_text("epochs: [1")
    (tmp_path / "list.yaml").write_text("- 1")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name in ("broken", "list", "binary", "missing"):
        with pytest.raises(StudyError, match=rf"{name}\.yaml") as caught:
            read_profile(tmp_path / f"{name}.yaml")
        assert "\n" not in str(caught.value)
