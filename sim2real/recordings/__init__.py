"""Logs of real robots, whatever wrote them: read by a channel map, in SI units, and looked at before they are used."""
