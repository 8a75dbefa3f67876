"""``sim2real perceive``: from rendered images to an encoder that says where a block is, or which way is free."""

from __future__ import annotations

import argparse

NAME = "perceive"
HELP = "train an encoder that sees where a block is, on rendered images alone"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Render an arm's table with a block in MuJoCo, everything about its looks randomized, and train a network that "
        "says where the block is from one camera image. With --real, features are aligned with unlabelled images of "
        "the real camera as well (domain confusion); their labels are not needed and never used. The task "
        "crazyflie-corridor trains how far it is free along 15 headings of a drone's camera instead.")
    parser.epilog = ("examples:\n"
                     "  sim2real perceive ur5e-locate -o locate.s2r\n"
                     "  sim2real perceive ur5e-locate --real photos/ -o locate.s2r\n"
                     "  sim2real perceive ur5e-locate --real twin:full --images 4000 --seed 1\n"
                     "  sim2real perceive crazyflie-corridor --images 10000 --epochs 16 -o corridor.s2r\n"
                     "  sim2real evaluate locate.s2r --engine pybullet --episodes 200")
    parser.add_argument("task", help="<robot>-locate, such as ur5e-locate; with --robot: locate; or crazyflie-corridor")
    parser.add_argument("--robot", metavar="PATH", help="your own robot.yaml, or the .urdf of an arm")
    parser.add_argument("--camera", default="", metavar="NAME",
                        help="of the robot's description, or front, close or overview (default: its first, or front)")
    parser.add_argument("--width", type=int, default=96, metavar="PIXELS", help="of the images (default: 96)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="everything random follows from it")
    parser.add_argument("--images", type=int, default=12_000, metavar="N", help="to render (default: 12000)")
    parser.add_argument("--epochs", type=int, default=6, metavar="N", help="over all images (default: 6)")
    parser.add_argument("--encoder", default="deep", metavar="NAME",
                        help="deep, or fine: fast, for blocks of six pixels and more (default: deep)")
    parser.add_argument("--randomization", default="default", metavar="WHICH",
                        help="default (the scene and the camera's images), scene, images, or none")
    parser.add_argument("--real", metavar="PATH",
                        help="unlabelled images to align with: a folder, a .npz or .npy file, or twin:mild, twin:full")
    parser.add_argument("--method", default=None, metavar="M",
                        help="of alignment: mmd, dann, confusion, coral, cdan, or some joined by + (default: mmd)")
    parser.add_argument("--cache", metavar="DIR", help="keep rendered images there, and read what is there already")
    parser.add_argument("-o", "--out", default="encoder.s2r", metavar="FILE", help="default: encoder.s2r")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")


def run(args: argparse.Namespace) -> int:
    """Train and print."""
    if args.task == "crazyflie-corridor":
        return _corridor(args)
    from sim2real.cli.output import note, print_json, progress_bar, say
    from sim2real.perception.training import LocateConfig, save, train

    config = LocateConfig(args.task, robot=args.robot, camera=args.camera, width=args.width, seed=args.seed,
                          images=args.images, epochs=args.epochs, encoder=args.encoder,
                          randomization=args.randomization, real=args.real,
                          method=args.method, cache=args.cache)
    with progress_bar(f"perceive {args.task}", 1.0) as update:
        result = train(config, update)
    save(result, args.out)
    if result.report["error_mean_m"] > 0.5 * result.report["error_of_the_mean_m"]:
        note("it says little more than where blocks are on average; more --images and --epochs, --encoder deep, or a "
             "nearer --camera help")
    if args.json:
        print_json({"encoder": args.out, **result.report})
        return 0
    report = result.report
    say(f"{100 * report['error_mean_m']:.2f} cm mean error on {report['test_images']} renders that training has not "
        f"seen ({report['images']} images, {report['seconds']:.0f} s)")
    if "domain_accuracy" in report:
        say(f"a fresh linear probe tells renders from {args.real} with {report['domain_accuracy']:.1%} "
            "(50 %: aligned)")
    say(f"encoder {args.out}")
    return 0


def _corridor(args: argparse.Namespace) -> int:
    from sim2real.cli.output import print_json, progress_bar, say
    from sim2real.errors import BadInputError
    from sim2real.perception.corridor_training import CorridorConfig, save, train

    for option in ("robot", "camera", "real", "method", "cache"):
        if getattr(args, option):
            raise BadInputError(f"--{option} is of the task locate; crazyflie-corridor has a camera and corridors of "
                                "its own")
    config = CorridorConfig(images=args.images, randomization=args.randomization, epochs=args.epochs, seed=args.seed)
    with progress_bar(f"perceive {args.task}", 1.0) as update:
        result = train(config, update)
    save(result, args.out)
    report = result.report
    if args.json:
        print_json({"encoder": args.out, **report})
        return 0
    say(f"{report['error_mean_m']:.2f} m mean error and an AUC of {report['auc']:.3f} for collisions on "
        f"{report['test_images']} renders of corridors that training has not seen ({report['images']} images, "
        f"{report['seconds']:.0f} s)")
    say(f"encoder {args.out}")
    return 0
