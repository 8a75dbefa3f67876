from sim2real.cli import catalogue
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot
from sim2real.simulators.scenes.by_name import make_scene


def test_page_is_current(root):
    assert (root / "docs/parameters.md").read_text(encoding="utf-8") == catalogue.markdown_page(), (
        f"run: {catalogue.PAGE_COMMAND}")


def test_page_has_every_parameter():
    page = catalogue.markdown_page()
    assert all(f"| `{row['name']}` |" in page for row in catalogue.catalogue())
    looks = [name if not dot else f"{name}.*" for name, dot, _ in (
        p.name.partition(".") for p in make_scene("table", load_robot("ur5e")).space.parameters)]
    for name in [*looks, *ParameterSpace.for_images().names]:
        assert page.count(f"| `{name}` |") == 1, name


def test_rows_are_families_once():
    names = [row["name"] for row in catalogue.catalogue()]
    assert len(set(names)) == len(names) and not any("." in name for name in names)


def test_span():
    assert catalogue.span(0.5, 2.0) == "0.5 to 2" and catalogue.span(0.0, 0.0) == "-"
