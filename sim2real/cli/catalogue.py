"""The parameters of all robots of the package, as rows and as the page docs/parameters.md."""

from __future__ import annotations

from sim2real.parameters import Parameter, ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import list_robots, load_robot
from sim2real.simulators.scenes.by_name import make_scene

ROLES = {
    "dynamics": "bodies and what acts on them",
    "actuation": "what the drives make of a command",
    "latency": "when commands and measurements arrive",
    "sensing": "what the sensors report",
    "disturbance": "events within an episode",
    "defect": "what only twins have, never training",
    "appearance": "of each group of things, as `color_mix.table`",
    "light": "lamps, each with its number, and shadows",
    "camera": "where it is and what its lens does",
    "background": "where nothing is",
    "distractor": "things that need not be there",
    "image": "what camera, link and training do to pixels",
}
PAGE_COMMAND = "sim2real list parameters --markdown > docs/parameters.md"
_INTRO = f"""# Parameters

Simulation and reality differ in parameters, and each has one name. Simulators apply it, randomization samples it,
evaluation sweeps it. This page is made by `{PAGE_COMMAND}`; do not edit it.

- `sim2real list parameters --robot ur5e` prints one robot's names, with every joint's own.
- A parameter file is YAML by these names, in these units: `{{payload_mass: 1.5, actuator_delay: 0.03}}`.
- `family` and `family.<element>`: one value for all and one per joint, link or rotor on top. A `_scale` family
  multiplies the two, others add them.
- *training* is the range of training randomization, *twin* that of evaluation: wider, and with the defects.
- *within*: whether it may change within an episode (plans with `when: step` or an interval).
- A robot's own nominal and ranges stand in `parameters:` of its robot.yaml, with their sources.
"""
_HEAD = ("| name | unit | nominal | training | twin | drawn | within | engines | meaning |",
         "|---|---|---|---|---|---|---|---|---|")


def element_columns(space: ParameterSpace) -> dict[str, list[str]]:
    """Families of a robot: name -> names of their elements."""
    families: dict[str, list[str]] = {}
    for name in space.names:
        family, dot, element = name.partition(".")
        if dot:
            families.setdefault(family, []).append(element)
    return families


def catalogue() -> list[dict]:
    """One row per parameter of the package's robots, families once: name, unit, robots, engines, role, description."""
    rows: dict[str, dict] = {}
    for robot in list_robots():
        for p in ParameterSpace.for_robot(load_robot(robot)).parameters:
            if "." in p.name:
                continue
            row = rows.setdefault(p.name, {"name": p.name, "unit": p.unit, "robots": [], "engines": list(p.engines),
                                           "distribution": p.distribution, "role": p.role, "live": p.live,
                                           "description": p.text})
            row["robots"].append(robot)
            if p.text not in row["description"]:
                row["description"] += f"; {p.text}"
    return list(rows.values())


def markdown_page() -> str:
    """The whole of docs/parameters.md."""
    parts = [_INTRO]
    for title, robot in (("Arms", "ur5e"), ("Quadrotors", "crazyflie")):
        space = ParameterSpace.for_robot(load_robot(robot))
        parts.append(f"## {title}\n\nNumbers are those of `{robot}`.\n")
        families = element_columns(space)
        for role, meaning in ROLES.items():
            rows = [p for p in space.parameters if p.role == role and "." not in p.name]
            if rows:
                parts.append(f"### {role.capitalize()}: {meaning}\n\n" + _table(space, rows, families))
        parts.append(_together(space))
    for title, words, space in (
            ("Looks", "Of a scene, here of `sim2real list parameters --scene table`. See [vision](vision.md).",
             make_scene("table", load_robot("ur5e")).space),
            ("Images", "Of any camera's images. See [images](images.md).", ParameterSpace.for_images())):
        parts.append(f"## {title}\n\n{words}\n")
        for role, meaning in ROLES.items():
            rows = [p for p in space.parameters if p.role == role]
            if rows:
                parts.append(f"### {role.capitalize()}: {meaning}\n\n" + _looks_table(rows))
    return "\n".join(part for part in parts if part)


def _table(space: ParameterSpace, rows: list[Parameter], families: dict[str, list[str]]) -> str:
    lines = [*_HEAD]
    for p in rows:
        lines.append(_row(p.name, p, p.text))
        if p.name in families:
            element = space[f"{p.name}.{families[p.name][0]}"]
            lines.append(_row(f"{p.name}.*", element, "each alone, on top"))
    return "\n".join(lines) + "\n"


def _looks_table(rows: list[Parameter]) -> str:
    """A row for each family: its elements differ in little but their names."""
    first: dict[str, str] = {}
    for p in rows:
        family, dot, _ = p.name.partition(".")
        name, text = (f"{family}.*", p.text.partition(": ")[2]) if dot else (p.name, p.text)
        first.setdefault(name, _row(name, p, text))
    return "\n".join([*_HEAD, *first.values()]) + "\n"


def _row(name: str, p: Parameter, text: str) -> str:
    cells = (f"`{name}`", p.unit, f"{p.nominal:.4g}", span(p.low, p.high), span(p.twin_low, p.twin_high),
             p.distribution.replace("_", "-"), "yes" if p.live else "", ", ".join(p.engines), text)
    return "| " + " | ".join(cells) + " |"


def _together(space: ParameterSpace) -> str:
    """Which parameters the default plan draws together."""
    groups: dict[str, list[str]] = {}
    for term in RandomizationPlan.default(space).terms:
        if term.group:
            groups.setdefault(term.group, []).append(f"`{term.parameter}`")
    return "".join(f"Drawn together by default ({name}): {', '.join(members)}.\n" for name, members in groups.items())


def span(low: float, high: float) -> str:
    """A range as text; a dash where it is nothing but nominal."""
    return "-" if low == high else f"{low:.4g} to {high:.4g}"
