"""`python -m bench.simulation` prints the simulation's report; it needs no servers."""

from rich.console import Console

from bench.simulation.report import report

report(Console(width=100))
