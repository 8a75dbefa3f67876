"""``sim2real adapt``: an encoder that sees simulated and real images alike."""

from __future__ import annotations

import argparse

NAME = "adapt"
HELP = "align simulated with real images: an encoder (.s2r) that sees both alike"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Train an encoder with a head on labelled simulated images so that its features are alike on unlabelled real "
        "ones. Reports how well a fresh linear classifier tells the domains apart from its features (50 % = aligned), "
        "beside the same network trained on simulation alone. Images: a folder of PNG or JPEG files, or a .npy or .npz "
        "file of uint8 images (n, h, w, 3). docs/adaptation.md says when which method helps.")
    parser.epilog = ("examples:\n"
                     "  sim2real adapt --sim renders --real photographs --labels renders/labels.csv\n"
                     "  sim2real adapt --sim sim.npz --real real.npy --method mmd --picture both.png\n"
                     "  sim2real adapt --sim renders --real photographs --method confusion+pairwise --pairs pairs.csv")
    parser.add_argument("--sim", required=True, metavar="SIM", help="labelled simulated images")
    parser.add_argument("--real", required=True, metavar="REAL", help="unlabelled real images")
    parser.add_argument("--labels", metavar="FILE", help="CSV (file, label, ...) or .npy of SIM; by default labels.csv "
                                                         "in the folder, or labels in the .npz")
    parser.add_argument("--columns", metavar="NAMES", help="which columns of the labels, joined by commas")
    parser.add_argument("--real-labels", metavar="FILE", help="of some real images, only to report the error on them")
    parser.add_argument("--pairs", metavar="CSV", help="weak pairs: a simulated and a real file name in each row")
    parser.add_argument("--method", default="dann+mmd", metavar="M",
                        help="dann, confusion, mmd, pairwise, coral, cdan, or several joined by + (default: dann+mmd); "
                             "source: simulation alone")
    parser.add_argument("--weight", action="append", default=[], metavar="NAME=W",
                        help="weight of an objective beside the task's loss; may be repeated")
    parser.add_argument("--randomization", default="none", metavar="PLAN",
                        help="of both domains' images in training: default, none (default), or a plan of image effects "
                             "(docs/images.md)")
    parser.add_argument("--encoder", default="auto", metavar="NAME", help="lenet, small, deep or where (positions: "
                                                                          "spatial softmax); default: by image size")
    parser.add_argument("--size", metavar="WxH", help="bring all images to this size in pixels")
    parser.add_argument("--epochs", type=int, default=30, metavar="N", help="passes over SIM (default: 30)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="everything random follows from it")
    parser.add_argument("--unit", default="", help="of the labels, such as m, for the encoder's manifest")
    parser.add_argument("--frame", default="", help="that predicted places are in, such as base_link")
    parser.add_argument("-o", "--output", default="encoder.s2r", metavar="FILE", help="default: encoder.s2r")
    parser.add_argument("--picture", metavar="PNG", help="draw both domains before and after")
    parser.add_argument("--tsne", action="store_true", help="draw by t-SNE instead of PCA")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Align, write and print."""
    from sim2real.adaptation.adapt import adapt
    from sim2real.adaptation.augment import image_randomization
    from sim2real.adaptation.config import AlignConfig
    from sim2real.adaptation.labels import load_labels, load_pairs
    from sim2real.adaptation.sources import load_images
    from sim2real.cli.output import print_json, progress_bar
    from sim2real.errors import BadInputError

    config = AlignConfig(method=args.method, encoder=args.encoder, epochs=args.epochs, seed=args.seed,
                         weights=parse_weights(args.weight), held_out=0.2)
    if ("pairwise" in config.objectives) != (args.pairs is not None):
        raise BadInputError("the objective pairwise and --pairs go together: expected both or none, got --method "
                            f"{args.method} {'with' if args.pairs else 'without'} --pairs")
    size, augment = parse_size(args.size), image_randomization(args.randomization)
    sim, real = load_images(args.sim, size), load_images(args.real, size)
    labels = load_labels(args.labels, sim, tuple(filter(None, (args.columns or "").split(","))))
    real_labels = load_labels(args.real_labels, real, like=labels) if args.real_labels else None
    pairs = load_pairs(args.pairs, sim, real) if args.pairs else None
    with progress_bar(f"adapt {args.method}", 2 * args.epochs, enabled=not args.json) as bar:
        result = adapt(sim, labels, real, config, args.output, pairs=pairs, real_labels=real_labels, unit=args.unit,
                       frame=args.frame, picture=args.picture, way="tsne" if args.tsne else "pca", augment=augment,
                       progress=lambda done, total, text: bar(done, text))
    if args.json:
        print_json(summary(args, result, labels.classes))
    else:
        print_report(args, result, labels.classes)
    return 0


def summary(args: argparse.Namespace, result, classes: bool) -> dict:
    """What --json prints."""
    before, after = result.before, result.after
    return {"encoder": args.output, "method": args.method, "seed": args.seed, "epochs": args.epochs,
            "epoch": result.epoch, "probe_accuracy": after.probe_accuracy, "probe_accuracy_before":
            before.probe_accuracy, "a_distance": after.a_distance, "a_distance_before": before.a_distance,
            "sim_error": after.sim_error, "sim_error_before": before.sim_error, "real_error": after.real_error,
            "real_error_before": before.real_error, "error": "share wrong" if classes else "mean distance",
            "picture": args.picture, "seconds": round(result.seconds, 2)}


def print_report(args: argparse.Namespace, result, classes: bool) -> None:
    """A table of before and after, and where things are."""
    from sim2real.cli.output import print_table, say

    kind = "wrong classes" if classes else f"mean error{f' [{args.unit}]' if args.unit else ''}"
    rows = []
    for name, side in (("simulation alone", result.before), (args.method, result.after)):
        errors = [error if error is None else f"{error:.1%}" if classes else f"{error:.4g}"
                  for error in (side.sim_error, side.real_error)]
        rows.append((name, f"{side.probe_accuracy:.1%}", f"{side.a_distance:.2f}", errors[0], errors[1] or "-"))
    print_table(("trained with", "probe>", "A-distance>", f"{kind}, sim>", "real>"), rows)
    say(f"probe: how often a fresh linear classifier tells held-out images' domain by their features; 50 % = aligned\n"
        f"encoder {args.output} (epoch {result.epoch} of {args.epochs}, {result.seconds:.0f} s); check it with: "
        f"sim2real verify {args.output}")
    if args.picture:
        say(f"picture {args.picture}")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """(width, height) from WxH."""
    from sim2real.errors import BadInputError

    if text is None:
        return None
    width, times, height = text.lower().partition("x")
    if not (times and width.isdecimal() and height.isdecimal() and min(int(width), int(height)) >= 1
            and max(int(width), int(height)) <= 1024):
        raise BadInputError(f"--size: expected WIDTHxHEIGHT in pixels, 1 to 1024 each, such as 96x72, got {text!r}")
    return int(width), int(height)


def parse_weights(given: list[str]) -> dict[str, float]:
    """Weights of objectives from NAME=W."""
    from sim2real.errors import BadInputError

    weights = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise BadInputError(f"--weight: expected NAME=NUMBER, such as mmd=3, got {text!r}")
    return weights
