import numpy as np
import pytest

from sim2real.deployment.contract import action_section, check_task, gains
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.errors import BundleError
from sim2real.robots import load_robot
from sim2real.tasks import load_task, make_task


def test_observation_section_is_the_builders():
    task = load_task("ur5e-reach")
    section = ObservationSection.of(task.terms())
    assert section.size == task.builder(1).size
    assert [t.name for t in section.terms] == list(task.builder(1).names)


@pytest.mark.parametrize("task_id", ["fr3-reach", "so101-reach", "x500-hover"])
def test_action_section_predicts_the_tasks_command(task_id):
    task = load_task(task_id)
    section = action_section(task)
    assert section.size == task.action_size and (np.array(section.scale) > 0.0).all()


def test_gains_of_arms_and_drones():
    arm, drone = load_task("ur5e-reach"), load_task("crazyflie-hover")
    assert gains(arm)["stiffness"] == load_robot("ur5e").stiffness.tolist()
    assert [len(row) for row in gains(drone).values()] == [3, 3, 3]


def test_a_manifest_fits_its_own_task_and_no_other(arm_bundle):
    check_task(arm_bundle.manifest, arm_bundle.task)
    with pytest.raises(BundleError, match="joints"):
        check_task(arm_bundle.manifest, load_task("fr3-reach"))
    with pytest.raises(BundleError, match="observation"):
        check_task(arm_bundle.manifest, make_task("reach", arm_bundle.robot, {"orientation": "full"}))
