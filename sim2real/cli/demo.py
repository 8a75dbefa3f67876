"""``sim2real demo``: the main job."""

from __future__ import annotations

import argparse

NAME = "demo"
HELP = "the whole job: train, export, evaluate on twins, run over ROS 2"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Train a task twice on the same budget, without and with randomization; evaluate both zero-shot on PyBullet "
        "twins; run the randomized one over ROS 2 against a twin. Results go to runs/demo: bundles, summary.json, "
        "sweep.png, twin.gif, ros.mcap.")
    parser.add_argument("--task", default="ur5e-reach", help="task id (default: ur5e-reach)")
    parser.add_argument("--out", default=None, metavar="DIR",
                        help="folder of the results (default: runs/demo, or runs/demo-TASK for another task)")
    parser.add_argument("--episodes", type=int, default=200, metavar="N", help="twins per policy")
    parser.add_argument("--goals", type=int, default=5, metavar="N", help="goals over ROS 2")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of training")
    parser.add_argument("--steps", type=int, default=None, metavar="N", help="training steps of each policy")
    parser.add_argument("--no-ros", action="store_true", help="leave the ROS 2 part out")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its table."""
    import json
    import sys
    from pathlib import Path

    from sim2real.cli.output import note, progress_bar
    from sim2real.demo.pipeline import DemoConfig, run_demo
    from sim2real.errors import BadInputError
    from sim2real.tasks import load_task

    load_task(args.task)  # an unknown task is refused before anything starts
    for name in ("episodes", "goals"):
        if getattr(args, name) < 1:
            raise BadInputError(f"--{name}: expected at least 1, got {getattr(args, name)}")
    default = "runs/demo" if args.task == "ur5e-reach" else f"runs/demo-{args.task}"
    config = DemoConfig(task=args.task, out=Path(args.out or default), episodes=args.episodes, goals=args.goals,
                        seed=args.seed, steps=args.steps, ros=not args.no_ros)
    summary = run_demo(config, lambda title, total: progress_bar(title, total), note)
    print(json.dumps(summary) if args.json else report(summary, config.out))
    sys.stdout.flush()
    return 0


def report(summary: dict, out) -> str:
    """One table and where everything lies."""
    track = "rmse_m" in summary["randomized"]
    rows = [("", "plain", "randomized")]
    pairs = [(summary["plain"], summary["randomized"])]
    training = summary["training"]
    rows.append(("own simulator: success", *(f"{training[n]['success_rate']:.1%}" for n in ("plain", "randomized"))))
    rows.append(("training time", *(f"{training[n]['seconds']:.0f} s" for n in ("plain", "randomized"))))
    for a, b in pairs:
        rows.append(("twins (PyBullet): success", f"{a['success_rate']:.1%}", f"{b['success_rate']:.1%}"))
        rows.append(("  95 % interval", *("{:.0%} to {:.0%}".format(*s["success_interval"]) for s in (a, b))))
        rows.append(("  median error", *(f"{1e3 * s['error_median_m']:.1f} mm" for s in (a, b))))
        rows.append(("  95th percentile", *(f"{1e3 * s['error_p95_m']:.1f} mm" for s in (a, b))))
        if track:
            rows.append(("  tracking RMSE", *(f"{s['rmse_m']:.3f} m" for s in (a, b))))
        rows.append(("  limit violations", *(str(s["limit_violations"]) for s in (a, b))))
    if "ros2" in summary:
        ros = summary["ros2"]
        rows.append(("over ROS 2: goals reached", "", f"{ros['reached']} of {ros['goals']}"))
        rows.append(("  commands, violations", "", f"{ros['commands']}, {ros['limit_violations']}"))
    width = max(len(r[0]) for r in rows)
    lines = [f"{a:<{width}}  {b:>12}  {c:>12}" for a, b, c in rows]
    lines.insert(1, "-" * len(lines[0]))
    files = ["plain.s2r", "randomized.s2r", "summary.json", "sweep.png", "twin.gif"]
    files += ["ros.mcap"] * ("ros2" in summary)
    lines += ["", f"{summary['seconds']:.0f} s in all; everything here is simulation. In {out}/: {', '.join(files)}"]
    return "\n".join(lines)
