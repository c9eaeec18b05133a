"""The list of checks, which the modules fill by decorating their functions."""
import inspect

CHECKS = []
EVERYWHERE = ("v2", "mixed", "v1")
WITH_V2 = ("v2", "mixed")


class Skip(Exception):
    """This check means nothing here; the text says why."""


class Check:
    def __init__(self, call, modes, smoke):
        self.call = call
        self.name = call.__name__
        self.modes = modes
        self.smoke = smoke
        self.shares = bool(inspect.signature(call).parameters)


def check(modes=EVERYWHERE, smoke=False):
    def keep(call):
        CHECKS.append(Check(call, modes, smoke))
        return call

    return keep
