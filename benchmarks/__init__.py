"""Benchmarks: each module prints one table; ``--json`` for programs. Figures are ratios measured in one run."""
