"""Plans as text: nothing is lost on the way out and in, and every mistake is one clear line."""

import pytest
import yaml

from sim2real.errors import RandomizationError
from sim2real.randomization import Choice, Constant, Interval, RandomizationPlan, Term, TruncatedNormal, Uniform
from sim2real.randomization.document import dump, read_yaml, write_yaml


def test_every_kind_of_term_comes_back_the_same(tmp_path):
    terms = (Term("payload_mass", Uniform(0.0, 3.0)), Term("stiffness_scale", Constant(0.8)),
             Term("joint_position_bias.elbow_joint", TruncatedNormal(0.0, 1e-3, -3e-3, 3e-3)),
             Term("actuator_delay", Choice((0.0, 0.04), (3.0, 1.0))),
             Term("actuator_delay", Constant(0.08), "push"),
             Term("joint_friction_scale", Uniform(0.5, 2.0), group="wear", anticorrelated=True))
    plan = RandomizationPlan(terms, {"push": Interval((2.0, 5.0), (0.1, 0.3))})
    text = write_yaml(dump(plan.terms, plan.intervals))
    back = RandomizationPlan.from_yaml(text)
    assert back.intervals == plan.intervals and set(back.terms) == set(plan.terms)
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    assert RandomizationPlan.load(path) == back


def test_a_page_has_one_term_a_line():
    terms = [Term("payload_mass", Uniform(0.0, 3.0)), Term("stiffness_scale", Constant(0.8))]
    text = write_yaml(dump(terms, {}))
    assert text.splitlines() == ["intervals: {}", "terms:", "  payload_mass: {uniform: [0.0, 3.0]}",
                                 "  stiffness_scale: {constant: 0.8}"]
    assert yaml.safe_load(text) == dump(terms, {})


def test_python_objects_in_yaml_are_refused():
    with pytest.raises(RandomizationError, match="not valid YAML"):
        read_yaml("terms: !!python/object/apply:os.getcwd []")


BAD = {
    "terms: [a]": r"terms: expected a mapping of parameter",
    "[1, 2]": "the plan: expected a mapping",
    "terms: {payload_mass: {uniform: [0, 1]": "not valid YAML",
    "term: {}": "unknown key 'term'; did you mean terms",
    "base: hard": "base: unknown level 'hard'; known: training, twin",
    "without: payload_mass": "without: expected a list",
    "terms: {payload_mass: {uniform: [0]}}": "term payload_mass, uniform .*list of 2 numbers, got",
    "terms: {payload_mass: {uniform: [0, heavy]}}": "term payload_mass.*'heavy'",
    "terms: {payload_mass: {uniform: [0, .nan]}}": "term payload_mass: uniform needs finite numbers",
    "terms: {payload_mass: {uniform: [2, 1]}}": r"term payload_mass: uniform needs low <= high, got \[2, 1\]; swap",
    "terms: {payload_mass: {uniformly: [0, 1]}}": "term payload_mass: unknown .*'uniformly'; did you mean uniform",
    "terms: {payload_mass: {log_uniform: [0, 1]}}": "term payload_mass: log_uniform needs low > 0",
    "terms: {payload_mass: {}}": "expected one distribution of uniform, .*, constant; got none",
    "terms: {payload_mass: {uniform: [0, 1], constant: 1}}": "got uniform and constant",
    "terms: {payload_mass: {normal: {mean: 0}}}": "normal needs mean, std, low, high; add std, low, high",
    "terms: {payload_mass: {normal: {mean: 0, sd: 1}}}": "unknown key of normal 'sd'; did you mean std",
    "terms: {payload_mass: {choice: 3}}": "term payload_mass, choice: expected a list of numbers, got 3",
    "terms: {payload_mass: {choice: []}}": "choice needs at least one value",
    "terms: {payload_mass: {choice: {weights: [1]}}}": "values: expected a list of numbers, got None",
    "terms: {payload_mass: [1, 1" + 400 * "0" + "]}": "expected .*, got one of 401 digits",
    "terms: {payload_mass: heavy}": "term payload_mass: expected a distribution such as .* got 'heavy'",
    "terms: {payload_mass: true}": "term payload_mass: expected a distribution",
    "terms: {payload_mass: null}": "term payload_mass: expected a distribution",
    "terms: {payload_mass: {uniform: [0, 1], when: [a]}}": r"when and group are names.*when: \['a'\]",
    "terms: {payload_mass: {uniform: [0, 1], anticorrelated: true}}": "anticorrelated needs a group",
    "intervals: {push: [2, 5]}": "interval push: expected a mapping such as",
    "intervals: {push: {gap: [2, 5]}}": "interval push: duration is missing",
    "intervals: {push: {gap: 2, duration: [1, 1]}}": "interval push, gap: expected a list of 2 numbers, got 2",
    "intervals: {push: {gap: [5, 2], duration: [1, 1]}}": "gap needs 0 < low <= high",
    "intervals: {push: {gap: [2, 5], duration: [0, 1]}}": "duration needs 0 < low",
    "intervals: {push: {gap: [1, 5], duration: [1, 3]}}": "interval push: an event of up to 3 s would meet the next",
    "intervals: {step: {gap: [2, 5], duration: [1, 1]}}": "the name is taken",
    # found when the plan meets a robot
    "terms: {payload_mas: {uniform: [0, 1]}}": "term payload_mas: unknown parameter .*; did you mean payload_mass",
    "terms: {joint_dampin_scale.*: {uniform: [0, 1]}}": r"term joint_dampin_scale.\*: unknown parameter that",
    "terms: {payload_mass: {uniform: [-1, 1]}}": "term payload_mass: parameter payload_mass: -1.0 is outside the phys",
    "terms: {payload_mass: {uniform: [0, 1], when: step}}":
        "payload_mass cannot change within an episode.*or one of: actuator_delay, joint_position_noise",
    "terms: {external_force_x: {uniform: [0, 1], when: pusch}}":
        "term external_force_x: unknown when 'pusch'; known: episode, step",
    "terms: {'joint_damping_scale.*': 1.1, '*.elbow_joint': 1.2}":
        r"term \*.elbow_joint: joint_damping_scale.elbow_joint already varies per episode",
}


@pytest.mark.parametrize("text", BAD)
def test_bad_yaml_is_one_clear_line(arm, text):
    with pytest.raises(RandomizationError, match=BAD[text]) as error:
        RandomizationPlan.from_yaml(text).resolve(arm)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700
