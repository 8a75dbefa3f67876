"""Registers the environments as soon as gymnasium is imported, so that ``gymnasium.make("sim2real/...")`` just works.

gymnasium up to 0.29 loaded the entry points of the group ``gymnasium.envs``; 1.0 dropped that. The installed
``sim2real.pth`` imports this module at interpreter start: it costs well under a millisecond and imports nothing else.
"""

from __future__ import annotations

import sys


class _AfterGymnasium:
    """A finder that finds nothing itself: it adds our registration to the end of gymnasium's own import."""

    def find_spec(self, name, path=None, target=None):
        if name != "gymnasium":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                _register()

            spec.loader.exec_module = exec_module
        return spec


def _register() -> None:
    """Register; a defect here must not take gymnasium away from other programs, so it only warns."""
    try:
        from sim2real.envs.registration import register

        register()
    except Exception as error:
        import warnings

        warnings.warn(f"sim2real's environments are not registered: {error}", RuntimeWarning, stacklevel=2)


if "gymnasium" not in sys.modules and not any(isinstance(f, _AfterGymnasium) for f in sys.meta_path):
    sys.meta_path.insert(0, _AfterGymnasium())
