import pytest

from sim2real.errors import Sim2RealError
from sim2real.resources import data_path


def test_robots_of_the_checkout_are_found():
    assert (data_path("robots") / "ur5e" / "robot.yaml").is_file()


def test_an_installed_package_comes_before_the_checkout(tmp_path):
    (tmp_path / "robots").mkdir()
    package = tmp_path / "sim2real"
    assert data_path("robots", package=package) == tmp_path / "robots"
    (package / "_data" / "robots").mkdir(parents=True)
    assert data_path("robots", package=package) == package / "_data" / "robots"


@pytest.mark.parametrize(("kind", "words"), [("launch", "reinstall"), ("robot", "did you mean robots")])
def test_a_missing_folder_or_unknown_kind_is_one_line(tmp_path, kind, words):
    with pytest.raises(Sim2RealError, match=words) as caught:
        data_path(kind, package=tmp_path)
    assert "\n" not in str(caught.value)
