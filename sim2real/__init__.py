"""sim2real: from a policy in simulation to a real arm or drone.

Importing the package is cheap on purpose: heavy libraries are imported by the modules that need them.
"""

__version__ = "0.1.0"
