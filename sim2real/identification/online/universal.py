"""Universal policies: trained on the true parameters, run on what is inferred of them; the methods on one interface.

| method | the policy is told | in training by | on the robot by |
| --- | --- | --- | --- |
| plain | nothing | | |
| oracle | true parameters | the simulator | nobody: simulation only |
| up-osi | parameters | the simulator | the identifier's estimate (Yu et al. 2017) |
| rma | a latent of all parameters | an encoder of the true ones | a network on the history (Kumar et al. 2021) |
| recurrent | the state of a recurrent network | that network | the same (Peng et al. 2018) |

Peng et al. train their recurrent policy by reinforcement learning with a critic that is told the parameters. Here it is
distilled from the oracle, in the states that it visits itself (Chen et al. 2019; Lee et al. 2020): what it can look at
is the same, its own history alone, and no recurrent network has to be trained through a simulation.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from sim2real.deployment.encoder import EncoderFile
from sim2real.envs.conditioning import Conditioning
from sim2real.errors import BadInputError, BundleError, RunFolderError, unknown
from sim2real.files import atomic_path, atomic_write_bytes
from sim2real.identification.online.estimator import Identifier
from sim2real.identification.online.export import identifier_file
from sim2real.identification.online.learning import Learner, OnlineConfig, Progress, learn
from sim2real.identification.online.networks import NETWORKS
from sim2real.identification.online.rollouts import Collector, Student
from sim2real.identification.online.widening import CALIBRATION_FACTOR
from sim2real.training.checkpoints import FILE as CHECKPOINT
from sim2real.training.checkpoints import load_checkpoint, read_state
from sim2real.training.config import Resolved, TrainConfig, load_run, save_run
from sim2real.training.export import BUNDLE, build_policy, export_run, load_actor, write_actor
from sim2real.training.policy import Actor
from sim2real.training.ppo import TrainResult, train

FILE = "identifier.pt"
_SCHEMA = 2
_TRAINING, _CALIBRATION = 1, 10_001  # added to the run's seed
_CONTEXT = {"up-osi": "mean", "rma": "latent", "recurrent": "state"}
_NUM_ENVS = 512
_POLICY_SHARE = 0.5  # of the progress bar
_GOLDEN_STEPS = 48


def train_method(config: TrainConfig, progress: Progress | None = None, *, resume: str | Path | None = None
                 ) -> TrainResult:
    """``training.train``, and after it what the method needs besides: the policy first, then its identifier.

    Args:
        config: What to train; ``method``, ``identify`` and ``online`` count.
        progress: Called with (share done, text).
        resume: Run folder to go on with: the policy from its last checkpoint, an identifier from its beginning.

    Raises:
        BadInputError: A configuration or a run folder that cannot be used.
    """
    begin = time.monotonic()
    given = config if resume is None else load_run(resume)[0].config
    needs_identifier = given.method in _CONTEXT
    online = online_config(given.online)
    share = _POLICY_SHARE if needs_identifier else 1.0
    tell = progress or (lambda done, text: None)
    result = train(config, lambda done, total, text: tell(share * done / total, text), resume=resume)
    if result.interrupted or not needs_identifier:
        return result
    learn_run(result.run, online, lambda done, text: tell(share + (1.0 - share) * done, text))
    return dataclasses.replace(result, bundle=export_method(result.run), seconds=time.monotonic() - begin)


def online_config(settings: Mapping[str, Any]) -> OnlineConfig:
    """The default settings of an identifier's training with these changes.

    Raises:
        BadInputError: An unknown setting, or a number that cannot be used.
    """
    known = {f.name: f for f in dataclasses.fields(OnlineConfig)}
    for name in settings:
        if name not in known:
            raise BadInputError(unknown("setting of the identifier", name, known))
    config = OnlineConfig(**settings)
    if config.network not in NETWORKS:
        raise BadInputError(unknown("network", config.network, NETWORKS))
    for name in ("width", "rounds", "episodes", "seconds", "updates", "batch_size"):
        if not getattr(config, name) > 0:
            raise BadInputError(f"{name}: expected a number over 0, got {getattr(config, name)!r}")
    return config


def learn_run(folder: Path, config: OnlineConfig, progress: Progress) -> dict:
    """Train the identifier of a run whose policy is trained, and keep it in the folder; what ``learn`` returns."""
    run, _ = load_run(folder)
    teacher, seed = load_actor(run, load_checkpoint(folder)), run.config.seed
    torch.manual_seed(seed)
    envs = min(_NUM_ENVS, config.episodes)
    with closing(Collector(run, envs, config.seconds, seed + _TRAINING, effort=config.effort)) as collector:
        learner = new_learner(run, config, teacher)
        report = learn(collector, learner, config, seed, progress, lambda: Collector(
            run, envs, config.seconds, seed + _CALIBRATION, CALIBRATION_FACTOR, effort=config.effort))
        features = collector.collect(Student(learner.student, learner.identifier)).features[:_GOLDEN_STEPS, 0].clone()
    state = {"schema": _SCHEMA, "identifier": learner.identifier.state_dict(), "student": learner.student.state_dict(),
             "online": dataclasses.asdict(config), "report": report, "features": features}
    with atomic_path(folder / FILE) as path:
        torch.save(state, path)
    return report


def from_oracle(oracle: str | Path, method: str, folder: str | Path, progress: Progress | None = None) -> Path:
    """A run of ``method`` on the policy of an oracle's run, in a new folder: they are trained alike, so once is enough.

    Raises:
        BadInputError: ``method`` has no identifier, or ``oracle`` is no oracle's run.
        RunFolderError: The new folder holds a run already.
    """
    (run, _), folder = load_run(oracle), Path(folder)
    if run.config.method != "oracle" or method not in ("up-osi", "recurrent"):
        raise BadInputError(f"expected up-osi or recurrent on an oracle's run, got {method} on one of "
                            f"{run.config.method}")
    if (folder / "config.yaml").exists():
        raise RunFolderError(f"{folder} holds a run already; give another folder")
    save_run(folder, dataclasses.replace(run, config=dataclasses.replace(run.config, method=method)))
    atomic_write_bytes(folder / CHECKPOINT, (Path(oracle) / CHECKPOINT).read_bytes())
    learn_run(folder, online_config(run.config.online), progress or (lambda done, text: None))
    export_method(folder)
    return folder


def new_learner(run: Resolved, config: OnlineConfig, teacher: Actor) -> Learner:
    """An untrained identifier for the method of ``run``, and the policy that will read its context."""
    task, method = run.task, run.config.method
    features = sum(term.size for term in task.dynamics_terms(config.effort))
    identifier = Identifier(features, 0 if method == "recurrent" else len(run.config.identify),
                            context=_CONTEXT[method], latent=run.latent, kind=config.network, width=config.width)
    if method != "recurrent":
        return Learner(identifier, teacher, teacher)
    student, observed = build_policy(run, identifier.context_size).actor(), task.builder(1).size
    student.mean[:observed], student.scale[:observed] = teacher.mean[:observed], teacher.scale[:observed]
    return Learner(identifier, student, teacher, imitate=True)


def load_learner(folder: str | Path) -> tuple[Learner, dict[str, Any]]:
    """The trained identifier and policy of a run folder, and all that was kept with them.

    Raises:
        RunFolderError: There is none, or it is damaged.
    """
    path, (run, _) = Path(folder) / FILE, load_run(folder)
    if run.config.method not in _CONTEXT:
        raise RunFolderError(f"{folder}: method {run.config.method} has no identifier")
    if not path.is_file():
        raise RunFolderError(f"{folder} has no {FILE}; go on with: sim2real train --resume {folder}")
    state = read_state(path, _SCHEMA, "resume the run")
    config = online_config(state["online"])
    state["online"] = dataclasses.asdict(config)
    learner = new_learner(run, config, load_actor(run, load_checkpoint(folder)))
    try:
        learner.identifier.load_state_dict(state["identifier"])
        learner.student.load_state_dict(state["student"])
    except (RuntimeError, KeyError) as error:
        raise RunFolderError(f"{path} does not fit the run's configuration; resume the run") from error
    return learner, state


def export_any(folder: str | Path, output: str | Path | None = None, *, encoder: EncoderFile | None = None,
               options: Mapping[str, Any] | None = None) -> Path:
    """``export_run`` or ``export_method``, by the method of the run.

    Raises:
        BundleError: A policy with an identifier cannot have an encoder, too, or the policy is an oracle.
    """
    if load_run(folder)[0].config.method not in _CONTEXT:
        return export_run(folder, output, encoder=encoder, options=options)
    if encoder is not None:
        raise BundleError("a policy with an identifier cannot be given an encoder yet; give it to one of method plain")
    return export_method(folder, output)


def export_method(folder: str | Path, output: str | Path | None = None) -> Path:
    """Write the bundle of a run with its identifier, by default into the run folder.

    Raises:
        RunFolderError: No such run, or one whose identifier is not trained yet.
    """
    folder = Path(folder)
    learner, state = load_learner(folder)
    run, record = load_run(folder)
    estimates = Conditioning(run.task.space, run.plan, run.config.identify).estimates
    training = {"method": run.config.method, **state["online"], **state["report"]}
    terms = run.task.dynamics_terms(state["online"]["effort"])
    identifier = identifier_file(learner.identifier, terms, estimates[:learner.identifier.estimates],
                                 state["features"], training)
    return write_actor(learner.student, run, record, output or folder / BUNDLE, identifier=identifier)
