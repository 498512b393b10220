"""Instruments for watching neural networks learn.

Three floors, and imports only go down: the ground floor (:mod:`tdyn.nets`, :mod:`tdyn.inits`,
:mod:`tdyn.losses`, :mod:`tdyn.optim`, :mod:`tdyn.data`, :mod:`tdyn.train`), one instrument a module
above it, and on top how results are shown (:mod:`tdyn.claims`, :mod:`tdyn.plots`,
:mod:`tdyn.player`, :mod:`tdyn.quiz`).
"""

__version__ = "0.1.0"
