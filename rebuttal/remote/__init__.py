"""Another Rebuttal behind an address: the same debates, over its ``/api/v1``."""

from rebuttal.remote.app import RemoteApp as RemoteApp
