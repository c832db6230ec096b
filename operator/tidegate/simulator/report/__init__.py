"""The report of a simulation: one HTML file that needs nothing else, to be opened in a browser or sent to somebody.

It shows all policies side by side: what arrived, how many replicas each policy had, what waited, the time to the first
token with the promise drawn in, what it cost, and at every change of size the record of the decision. The plots are
plotly's, which travels inside the file; everything else is text and a little script of ours.
"""

from .page import PlotlyMissingError, write_report

__all__ = ["PlotlyMissingError", "write_report"]
