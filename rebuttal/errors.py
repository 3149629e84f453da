"""Everything that can go wrong, as one tree.

RebuttalError                 what happened (message) and what to do now (hint)
├── InvalidInput              a person asked for something that cannot be
│   └── CatalogError          models.yaml or a persona: file, line and field
├── NotFound                  no such debate, turn, model or persona, or not the visitor's
├── NotAllowed                the settings keep visitors from it
├── Busy                      a cap is reached; worth another try later
├── BudgetSpent               no tokens or money are left for it, or the operator said halt
├── StaleTip                  somebody else moved the debate on meanwhile
├── StoreError                disk full, read-only, locked, database away
├── WeightsError              the built-in weights are missing, cut or not the expected ones
└── ModelError                a model could not speak; the debate waits with Resume lit
    ├── Unreachable           no connection, or no sign of life in time; worth another try
    ├── RateLimited           the server asks to wait ``retry_after`` seconds; worth another try
    ├── ServerFailed          5xx or an error inside a 200 answer; worth another try
    ├── QuotaExhausted        the account has no money or tokens left; another try is useless
    ├── KeyRejected           no key, or one the server refuses
    ├── ModelMissing          the server runs and does not have that model
    ├── ContextOverflow       the view is too long; carries both sizes where they are told
    ├── RequestRejected       any other 4xx
    └── BrokenAnswer          what came back is not a chat completion
"""

from __future__ import annotations


class RebuttalError(Exception):
    """What happened, and what a person can do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}   {self.hint}" if self.hint else self.message


class InvalidInput(RebuttalError): ...


class CatalogError(InvalidInput): ...


class NotFound(RebuttalError): ...


class NotAllowed(RebuttalError): ...


class Busy(RebuttalError):
    """``retry_after`` is in seconds."""

    def __init__(self, message: str, hint: str = "", retry_after: float = 60.0) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class BudgetSpent(RebuttalError): ...


class StaleTip(RebuttalError): ...


class StoreError(RebuttalError): ...


class WeightsError(RebuttalError): ...


class ModelError(RebuttalError):
    """A model could not speak. ``worth_retrying`` says whether the same request may yet succeed.

    ``costs_nothing`` says that the server surely worked through nothing of it.
    """

    worth_retrying = False
    costs_nothing = False


class Unreachable(ModelError):
    worth_retrying = True


class RateLimited(ModelError):
    worth_retrying = True
    costs_nothing = True

    def __init__(self, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class ServerFailed(ModelError):
    worth_retrying = True


class QuotaExhausted(ModelError):
    costs_nothing = True


class KeyRejected(ModelError):
    costs_nothing = True


class ModelMissing(ModelError):
    costs_nothing = True


class ContextOverflow(ModelError):
    """``asked`` and ``allowed`` are tokens, where the server told them."""

    costs_nothing = True

    def __init__(
        self, message: str, hint: str = "", asked: int | None = None, allowed: int | None = None
    ) -> None:
        super().__init__(message, hint)
        self.asked = asked
        self.allowed = allowed


class RequestRejected(ModelError):
    costs_nothing = True


class BrokenAnswer(ModelError): ...
