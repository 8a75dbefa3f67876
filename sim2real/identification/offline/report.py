"""The report of an identification: one HTML file with its pictures inside, which needs no network."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sim2real.files import atomic_write_text
from sim2real.identification.offline import report_pictures
from sim2real.identification.offline.estimation import Estimate, trading_groups
from sim2real.identification.offline.prediction import Ahead
from sim2real.identification.offline.problem import Problem

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2a33}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.2rem .8rem .2rem 0;text-align:left;border-bottom:1px solid #dde3e7}td.n{text-align:right;
font-variant-numeric:tabular-nums}.no{color:#a4541a}img{max-width:100%}p.small{color:#5b6b76;font-size:.85rem}"""


def write_report(path: str | Path, problem: Problem, judge: Problem, estimate: Estimate, ahead: Sequence[Ahead],
                 notes: Sequence[str]) -> None:
    """Write the report of an estimate, judged on ``judge``, to an HTML file.

    Raises:
        StorageError: It cannot be written there.
    """
    before, after = judge.predict(np.stack([judge.nominal, estimate.value]))
    pieces = [
        f"<h1>Identification of {html.escape(problem.robot.name)}</h1>",
        f"<p>{html.escape(', '.join(problem.recordings))}: {len(problem.cut.pieces)} pieces to fit, "
        f"{len(judge.cut.pieces)} to judge; method {estimate.method}, engine {problem.engine}.</p>",
        "<h2>Parameters</h2>", _parameters(problem, estimate),
        _picture(report_pictures.intervals(problem, estimate)),
        "<p class='small'>Band: the vocabulary's range, from its lowest to its highest value. Line: 95 % interval. "
        "Hollow: the recordings do not tell this one, it keeps its range.</p>",
        "<h2>What trades off</h2>", _trades(estimate), _picture(report_pictures.correlations(estimate)),
        "<h2>Prediction of what was held out</h2>", _ahead(problem, ahead),
        _picture(report_pictures.predictions(judge, before, after)),
        "<h2>Residuals</h2>", _picture(report_pictures.residuals(judge, before, after)),
        "<h2>What was left out or changed</h2>", _list(notes or ["nothing"])]
    atomic_write_text(path, "<!doctype html><html lang='en'><meta charset='utf-8'><title>Identification of "
                      f"{html.escape(problem.robot.name)}</title><style>{_STYLE}</style><body>{''.join(pieces)}</body>"
                      "</html>")


def _parameters(problem: Problem, estimate: Estimate) -> str:
    rows = []
    for k, name in enumerate(estimate.names):
        verdict = "yes" if estimate.identifiable[k] else "<span class='no'>no: the recordings do not tell it</span>"
        if estimate.identifiable[k] and estimate.at_bound[k]:
            verdict = "<span class='no'>at the end of its range</span>"
        rows.append([html.escape(name), f"{estimate.value[k]:.4g}", f"{estimate.low[k]:.4g}", f"{estimate.high[k]:.4g}",
                     f"{problem.nominal[k]:.4g}", html.escape(problem.space[name].unit), verdict])
    return _table(("parameter", "value", "low", "high", "nominal", "unit", "identifiable"), rows)


def _trades(estimate: Estimate) -> str:
    if not estimate.trades:
        return "<p>Nothing that matters.</p>"
    return _list([", ".join(group) for group in trading_groups(estimate)])


def _ahead(problem: Problem, ahead: Sequence[Ahead]) -> str:
    unit = "mrad" if problem.robot.kind == "arm" else "mm"
    return _table(("open loop over", f"before [{unit}]", f"after [{unit}]"), [
        [f"{each.horizon:.3g} s" + (", all that was held out" if each.whole else ""), f"{1e3 * each.errors[0]:.3g}",
         f"{1e3 * each.errors[1]:.3g}"] for each in ahead])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td{' class=n' if 0 < k < len(heads) - 2 else ''}>{cell}</td>"
                                    for k, cell in enumerate(row)) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences) + "</ul>"


def _picture(figure) -> str:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=110)
    return f"<p><img alt='' src='data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}'></p>"
