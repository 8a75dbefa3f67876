"""``sim2real excite``: plan a motion that tells what an arm is, or check one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from sim2real.identification.excitation.information import Information
    from sim2real.identification.excitation.limits import ExcitationLimits, Margin

NAME = "excite"
HELP = "plan a safe, informative motion of an arm for its identification, or check one"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Plan a motion about home, inside every limit that the policy node keeps (joints, workspace, links off each "
        "other and the ground, efforts), that tells as much as possible of chosen parameters: a Fourier series, at "
        "rest at both ends. -o writes it as CSV at the driver's rate, --bundle as a policy that sim2real deploy plays, "
        "with filter, envelope, guard and log. With --check a CSV of your own is judged instead: exit code 1 and the "
        "first violation where it leaves a limit. docs/excitation.md says what the figures mean.")
    parser.add_argument("robot", help="name or robot.yaml of an arm")
    parser.add_argument("-o", "--output", metavar="FILE.csv", help="times [s] and joint positions [rad]")
    parser.add_argument("--bundle", metavar="FILE.s2r", help="for sim2real deploy")
    parser.add_argument("--plot", metavar="FILE.png", help="a picture of the motion")
    parser.add_argument("--check", metavar="FILE.csv", help="judge this motion instead of planning one")
    parser.add_argument("--parameters", nargs="+", metavar="P", default=None,
                        help="what it shall tell: names of sim2real list parameters, or patterns such as "
                             "'joint_friction_scale.*' (default: payload, masses, friction, servos and delays)")
    parser.add_argument("--duration", type=float, default=30.0, metavar="S", help="default: 30")
    parser.add_argument("--harmonics", type=int, default=5, metavar="N", help="of the series (default: 5)")
    parser.add_argument("--base-frequency", type=float, default=None, metavar="HZ",
                        help="of the first harmonic (default: 0.2)")
    parser.add_argument("--periods", type=int, default=None, metavar="N",
                        help="periods in the duration, in place of --base-frequency")
    parser.add_argument("--box", metavar="X0,X1,Y0,Y1,Z0,Z1",
                        help="of the tool in the base frame in m, within the robot's own (--box=-0.2,... where it "
                             "begins with a minus)")
    parser.add_argument("--payload", type=float, default=None, metavar="KG",
                        help="a load that you know: it is not estimated, and efforts are those with it (default: "
                             "unknown, up to the largest of the vocabulary's range)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the search")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Plan or check, and print."""
    from sim2real.errors import BadInputError
    from sim2real.identification.excitation.limits import ExcitationLimits
    from sim2real.robots import load_robot

    if args.seed < 0:
        raise BadInputError(f"expected --seed of zero or more, got {args.seed}")
    if args.periods is not None and args.base_frequency is not None:
        raise BadInputError("expected --periods or --base-frequency, not both: one follows from the other")
    if args.check and (args.output or args.bundle):
        raise BadInputError("--check judges a motion and writes none; leave out -o and --bundle")
    limits = ExcitationLimits(load_robot(args.robot), box=parse_box(args.box), payload=args.payload)
    return _check(args, limits) if args.check else _plan(args, limits)


def parse_box(text: str | None) -> list[list[float]] | None:
    """Low and high (2, 3) of six numbers; raises BadInputError where they are none."""
    from sim2real.errors import BadInputError

    if text is None:
        return None
    try:
        x0, x1, y0, y1, z0, z1 = (float(part) for part in text.split(","))
    except ValueError:
        raise BadInputError(f"--box: expected six numbers X0,X1,Y0,Y1,Z0,Z1 in m, got {text!r}") from None
    return [[x0, y0, z0], [x1, y1, z1]]


def _wanted(args: argparse.Namespace) -> tuple[str, ...]:
    """What shall be told: a payload that is known shall not."""
    from sim2real.identification.excitation.information import DEFAULT

    if args.parameters is not None:
        return tuple(args.parameters)
    return DEFAULT if args.payload is None else tuple(name for name in DEFAULT if name != "payload_mass")


def _plan(args: argparse.Namespace, limits: ExcitationLimits) -> int:
    import time

    from sim2real.cli.output import print_json, progress_bar
    from sim2real.identification.excitation.baselines import gains, told_at_random, told_by_chirp
    from sim2real.identification.excitation.plan import plan_excitation

    begun = time.perf_counter()
    with progress_bar("excitation", 1.0, enabled=not args.json) as bar:
        plan = plan_excitation(
            limits.robot, _wanted(args), duration=args.duration, periods=args.periods, harmonics=args.harmonics,
            base_frequency=0.2 if args.base_frequency is None else args.base_frequency, limits=limits,
            payload=args.payload, seed=args.seed, update=lambda share, text: bar(0.8 * share, text))
        seconds = time.perf_counter() - begun
        compared = gains(plan, {"random": [told_at_random(plan, limits, args.seed)],
                                "chirp": [told_by_chirp(plan, limits)]})
        bar(1.0, "")
    files = _write(args, limits, plan.time, plan.command, plan.series)
    if args.json:
        print_json({**_document(plan.information, plan.margins), "robot": limits.robot.name,
                    "duration_s": plan.time[-1], "rate_hz": 1.0 / plan.time[1], "period_s": plan.series.period,
                    "periods": plan.series.periods, "compared": compared, "seconds": seconds, "files": files})
    else:
        _say(plan.information, plan.margins, limits)
        _say_compared(compared, files)
    return 0


def _check(args: argparse.Namespace, limits: ExcitationLimits) -> int:
    from sim2real.cli.output import note, print_json, progress_bar
    from sim2real.identification.excitation.files import read_csv
    from sim2real.identification.excitation.information import choose_parameters, information, reference_values
    from sim2real.identification.excitation.limits import first_violation
    from sim2real.parameters import ParameterSpace

    time, command = read_csv(args.check, limits.robot)
    space = ParameterSpace.for_robot(limits.robot)
    names = choose_parameters(space, _wanted(args))
    period = float(time[-1] / (len(time) - 1))
    margins = limits.margins(command, period)
    files = _write(args, limits, time, command, None)
    broken = first_violation(margins)
    told = None
    if broken is None:
        with progress_bar("sensitivities", 1.0, enabled=not args.json) as bar:
            told = information(limits.robot, command, period, names,
                               values=reference_values(space, names, args.payload), update=bar)
    if args.json:
        print_json({**_document(told, margins), "robot": limits.robot.name, "duration_s": time[-1],
                    "rate_hz": 1.0 / period, "inside": broken is None,
                    "violation": None if broken is None else str(broken), "files": files})
    else:
        _say(told, margins, limits)
    if broken is not None:
        note(f"sim2real: error: {args.check}: {broken}")
        return 1
    return 0


def _write(args: argparse.Namespace, limits: ExcitationLimits, time: np.ndarray, command: np.ndarray, series: Any
           ) -> dict[str, str]:
    """The files that were asked for, by option."""
    files = {}
    if args.output:
        from sim2real.identification.excitation.files import write_csv

        write_csv(args.output, limits.robot, time, command)
        files["csv"] = args.output
    if args.bundle:
        from sim2real.identification.excitation.bundle import write_excitation

        write_excitation(args.bundle, limits.robot, series, seed=args.seed)
        files["bundle"] = args.bundle
    if args.plot:
        from sim2real.identification.excitation.picture import draw

        draw(args.plot, limits, time, command)
        files["plot"] = args.plot
    return files


def _document(told: Information | None, margins: list[Margin]) -> dict[str, Any]:
    from sim2real.identification.excitation.information import ANCHOR

    out: dict[str, Any] = {"margins": [vars(margin) for margin in margins]}
    if told is not None:
        out |= {"log_det": told.log_det, "bits": told.bits, "condition": told.given(ANCHOR).condition,
                "weakest": told.weakest, "parameters": told.rows()}
    return out


def _say(told: Information | None, margins: list[Margin], limits: ExcitationLimits) -> None:
    from sim2real.cli.output import print_table, say
    from sim2real.identification.excitation.information import ANCHOR

    if told is not None:
        print_table(("parameter", "unit", "around>", "95 % +->", "link masses known +->", "before +->", ""),
                    [(row["name"], row["unit"], f"{row['value']:.4g}", f"{row['interval95']:.2g}",
                      "" if row["anchored95"] is None else f"{row['anchored95']:.2g}", f"{row['prior95']:.2g}",
                      "" if row["told"] else "not told") for row in told.rows()],
                    title=f"what it tells: {told.bits:.1f} bit, log det {told.log_det:.1f}, condition number "
                          f"{told.given(ANCHOR).condition:.1e} with link masses known", styles={"not told": "yellow"})
        traded = ", ".join(f"{name} {share:+.2f}" for name, share in told.weakest.items())
        say(f"told least: {traded} (in units of their ranges)\n")
    each = {(margin.quantity, margin.element): margin for margin in margins}
    rates = ("velocity", "acceleration", "jerk", "effort")
    print_table(("joint", "position left [rad]>", *(f"{name} [%]>" for name in rates)),
                [(joint, f"{each['position', joint].left:.3f}",
                  *(f"{100 * abs(each[name, joint].value / each[name, joint].limit):.0f}" for name in rates))
                 for joint in limits.robot.joint_names], title="how near the limits:")
    for margin in margins:
        if margin.quantity in ("workspace", "clearance"):
            say(f"{margin.quantity} of {margin.element}: {margin.value:.3f} m, the limit is {margin.limit:.3f} m")


def _say_compared(compared: dict[str, dict], files: dict[str, str]) -> None:
    from sim2real.cli.output import say

    say()
    for name, row in compared.items():
        say(f"{row['gain_bits']:+.1f} bit over {'a ' if name == 'chirp' else ''}{name}, whose intervals are "
            f"{row['interval_ratio']:.2f} times as wide (median)")
    for kind, path in files.items():
        say(f"{kind} {path}")
    if "bundle" in files:
        say(f"play it: sim2real deploy {files['bundle']} --arm --log excitation.mcap (first with --goal 0.3)")
