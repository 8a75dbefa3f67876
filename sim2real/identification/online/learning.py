"""Online identification: an identifier is trained on the states that a policy visits while it believes it.

Yu, Tan, Liu, Turk 2017, "Preparing for the Unknown: Learning a Universal Policy with Online System Identification",
algorithm 2. A policy that is told wrong parameters visits other states than one that is told the true ones, so an
identifier that was trained on the latter is asked about what it has never seen: data is gathered again and again with
the identifier in the loop and all of it is used, as in DAgger (Ross, Gordon, Bagnell 2011).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import torch

from sim2real.deployment.identifier_manifest import PRIOR_DEVIATION
from sim2real.identification.online.estimator import Identifier
from sim2real.identification.online.losses import beta_nll, coverage, square, temperature
from sim2real.identification.online.rollouts import Collector, Rollouts, Student, Teacher
from sim2real.training.policy import Actor

Progress = Callable[[float, str], None]
_FOR_WHITENING = 4096  # episodes


@dataclass(frozen=True)
class OnlineConfig:
    """How an identifier is trained.

    Attributes:
        network, width: "gru", "tcn" or "window", and the columns of its output.
        rounds: Times that data is gathered; in the first the policy is told the true parameters.
        episodes: Gathered in each round.
        seconds: Length of one.
        updates: Gradient steps after the last round, and half as many after each before it.
        batch_size: Episodes of a gradient step.
        learning_rate: At the start of each round; it falls to a twentieth along half a cosine.
        effort: Whether it looks at efforts of the joints, where the robot reports any.
        exploration: Largest standard deviation of the noise on the actions in the first round.
        held_out: Share of each round's episodes on which the identifier is judged and not trained; it is calibrated on
            as many others.
    """

    network: str = "gru"
    width: int = 96
    rounds: int = 3
    episodes: int = 4096
    seconds: float = 2.0
    updates: int = 600
    batch_size: int = 128
    learning_rate: float = 3e-3
    effort: bool = True
    exploration: float = 0.5
    held_out: float = 0.125


class Learner:
    """What is trained on rollouts: an identifier, and for a recurrent policy the network that reads its state.

    Args:
        identifier: Untrained.
        student: The policy that reads its context; its parameters are trained only with ``imitate``.
        teacher: The policy that is told the true parameters.
        imitate: Whether the student learns the teacher's actions, and the identifier with it.
    """

    def __init__(self, identifier: Identifier, student: Actor, teacher: Actor, *, imitate: bool = False):
        self.identifier, self.student, self.teacher, self.imitate = identifier, student, teacher, imitate
        self.parameters = [*identifier.parameters(), *(student.parameters() if imitate else ())]

    def needed(self, found: Rollouts) -> Rollouts:
        """What ``loss`` looks at, lest the rest be kept for nothing."""
        nothing, told = slice(0, 0), self.imitate or self.identifier.context == "latent"
        return dataclasses.replace(found, known=found.known if told else found.known[..., nothing],
                                   observation=found.observation if self.imitate else found.observation[..., nothing])

    def loss(self, batch: Rollouts) -> torch.Tensor:
        """Of one batch of whole episodes."""
        said, total = self.identifier.sequence(batch.features), torch.zeros(())
        if "mean" in said:
            total = total + beta_nll(said["mean"], said["deviation"], batch.unit, batch.running)
        if self.imitate:
            # the teacher's action in the student's own states (Chen et al. 2019, "Learning by Cheating")
            with torch.no_grad():
                wanted = self.teacher(torch.cat([batch.observation, self.teacher.encode(batch.known)], dim=-1))
            action = self.student.wish(torch.cat([batch.observation, said["context"]], dim=-1))
            total = total + square(action, wanted, batch.running)
        elif self.identifier.context == "latent":
            # the teacher's latent (Kumar et al. 2021, phase 2)
            with torch.no_grad():
                wanted = self.teacher.encode(batch.known)
            total = total + square(said["context"], wanted, batch.running)
        return total


def learn(collector: Collector, learner: Learner, config: OnlineConfig, seed: int, progress: Progress,
          further: Callable[[], Collector]) -> dict:
    """Algorithm 2 of Yu et al. 2017; trains ``learner`` in place.

    Args:
        collector: Where episodes are gathered.
        learner: What is trained.
        config: How.
        seed: Of what is drawn besides.
        progress: Called with the share done and a text.
        further: Makes the collector of robots on which deviations are calibrated: further from each other than those
            of training, as a robot is from these.

    Returns:
        ``rounds``: after each, the error in the states that the policy visits while it believes the identifier of that
        round, and in those that it visits when told the truth; ``held_out``: of the finished identifier, by parameter.
        Errors are mean absolute ones over the prior's standard deviation; where nothing is estimated they are losses.
    """
    identifier, data, rounds, told = learner.identifier, None, [], None
    for k in range(config.rounds):
        act = Teacher(learner.teacher, config.exploration, seed) if k == 0 else Student(learner.student, identifier)
        tell = _Round(progress, k, config.rounds)
        new = gather(collector, act, config.episodes, learner.needed, tell.gathering)
        new, held_out = new.split(max(1, round(config.held_out * len(new))))
        if k == 0:
            identifier.whitening.fit(new.features[:, :_FOR_WHITENING])
            data, told = new, held_out
        else:
            rounds.append({"own_states": error(learner, held_out), "told_states": error(learner, told)})
            data = Rollouts.joined([data, new])
        updates = config.updates if k == config.rounds - 1 else max(1, config.updates // 2)
        fit(learner, data, config, updates, seed + k, tell.fitting)
    rounds.append({"own_states": error(learner, held_out), "told_states": error(learner, told)})
    if identifier.estimates:
        with closing(further()) as others:
            calibrate(identifier, gather(others, Student(learner.student, identifier), len(held_out), learner.needed,
                                         lambda done: None))
    return {"rounds": rounds, "held_out": summary(identifier, held_out)}


@dataclass(frozen=True)
class _Round:
    """Progress of one round: half of it is gathering, half fitting."""

    tell: Progress
    number: int
    rounds: int

    def gathering(self, done: float) -> None:
        self.tell((self.number + 0.5 * done) / self.rounds, f"round {self.number + 1} of {self.rounds}")

    def fitting(self, done: float, loss: float) -> None:
        text = f"round {self.number + 1} of {self.rounds}, loss {loss:.3f}"
        self.tell((self.number + 0.5 + 0.5 * done) / self.rounds, text)


def gather(collector: Collector, act: Teacher | Student, episodes: int, needed: Callable[[Rollouts], Rollouts],
           progress: Callable[[float], None]) -> Rollouts:
    """What is ``needed`` of at least so many episodes."""
    parts, found = [], 0
    while found < episodes:
        progress(found / episodes)
        parts.append(needed(collector.collect(act)))
        found += len(parts[-1])
    return Rollouts.joined(parts)


@torch.no_grad()
def error(learner: Learner, data: Rollouts) -> float:
    """Mean absolute error over the prior's standard deviation, of all parameters; or the loss where there are none."""
    if not learner.identifier.estimates:
        return learner.loss(data).item()
    said = learner.identifier.sequence(data.features)
    return float(((said["mean"] - data.unit).abs() / PRIOR_DEVIATION)[data.running].mean())


@torch.no_grad()
def summary(identifier: Identifier, data: Rollouts) -> dict[str, list[float]]:
    """Of each parameter: error over the prior's standard deviation, and share of the 90 % intervals that cover."""
    if not identifier.estimates:
        return {}
    said = identifier.sequence(data.features)
    mean, deviation, unit = (x[data.running] for x in (said["mean"], said["deviation"], data.unit))
    return {"error_over_std": ((mean - unit).abs() / PRIOR_DEVIATION).mean(dim=0).tolist(),
            "coverage90": coverage(mean, deviation, unit).tolist()}


def fit(learner: Learner, data: Rollouts, config: OnlineConfig, updates: int, seed: int,
        progress: Callable[[float, float], None]) -> None:
    """Gradient steps on batches of whole episodes, drawn by ``seed``; ``progress`` gets the share done and the loss."""
    optimizer = torch.optim.Adam(learner.parameters, lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates, config.learning_rate / 20)
    random = torch.Generator().manual_seed(seed)
    for k in range(updates):
        ids = torch.randint(len(data), (min(config.batch_size, len(data)),), generator=random)
        loss = learner.loss(data.of(ids))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters, 1.0)
        optimizer.step()
        schedule.step()
        if k % 20 == 0:
            progress(k / updates, loss.item())


@torch.no_grad()
def calibrate(identifier: Identifier, held_out: Rollouts) -> None:
    """Scale the deviations so that 90 % intervals cover 90 % of the instants of these episodes."""
    said = identifier.sequence(held_out.features)
    identifier.temperature *= temperature(said["mean"], said["deviation"], held_out.unit, held_out.running)
