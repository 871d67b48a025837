"""Every failure by name, in one tree; its place in the tree says what became of the write.

StoreApiError
├── WrongSetting            the service does not start
├── EmbeddedMongoError      the embedded MongoDB does not start
├── PartDied                the process ends, to be started again
├── NameTaken               there is a token of that name
├── NoSuchToken             there is none of that name to revoke
├── UnfitJwt                between what reads a JWT and what answers: the answer does not say why
├── NotApplied              definite: the database is as it was
│   ├── InvalidInput        what the client sent is not of the contract's shape
│   ├── NotJson
│   ├── WrongMediaType
│   ├── ContentCoded
│   ├── UpgradeRequired
│   ├── ForeignPage
│   ├── StoreNotFound
│   ├── NoLedger            the service keeps none
│   ├── HistoryExpired      what is asked for was too long ago
│   ├── LedgerBehind        or too short a while ago
│   ├── OutOfStock
│   ├── QuantityOverflow
│   ├── UnfitDocument       between repository and committer: why, is found out by a reading
│   ├── KeyMissing          the service wants a key for every operation, and there is none
│   ├── KeyInvalid          what was sent as a key can be none
│   ├── KeyReused           the key is that of another operation
│   ├── CredentialMissing   nobody said who they are
│   ├── CredentialInvalid   who they say they are is not true, or not any more
│   ├── IssuerUnavailable   nor can it be found out just now
│   ├── ScopeMissing        they may not do this
│   ├── StoreForbidden      nor to this store
│   ├── UnknownHost         the request is for another service
│   ├── QuotaExceeded       they ask too often
│   ├── StoreHeld           a transaction of another program holds the store for too long
│   ├── Overloaded
│   └── DatabaseUnavailable
├── AppliedUnreported       the write was applied, but the report after it could not be read
├── KeyInFlight             another process is at this very operation; what becomes of it is not known yet
├── OutcomeUnknown          the database did not say: the write may have been applied
└── BrokenDocument          another program left a document that cannot be a report
"""

from dataclasses import dataclass
from typing import ClassVar


class StoreApiError(Exception):
    """Something store_api says no to; the docstring is the message unless one is given.

    Attributes:
        slug: its name in a problem's `type` and in metrics; "fault" where it is never answered.
    """

    slug: ClassVar[str] = "fault"

    def __str__(self) -> str:
        """Give the message, or what this kind of error always says."""
        return super().__str__() or (type(self).__doc__ or "")


class WrongSetting(StoreApiError):
    """A setting that the service cannot start with.

    Args:
        variable: the environment variable's name.
        reason: what is wrong with it, without its value when that is a secret.
    """

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")
        self.variable = variable


class EmbeddedMongoError(StoreApiError):
    """The embedded MongoDB could not be started."""


class PartDied(StoreApiError):
    """A part that must always run has died; the process ends, to be started again."""


class NameTaken(StoreApiError):
    """A token of that name is in force.

    Args:
        name: the name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a token {name!r} already: revoke it first, or take another name.")


class NoSuchToken(StoreApiError):
    """No token of that name is in force.

    Args:
        name: the name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no token {name!r} in force.")


class UnfitJwt(StoreApiError):
    """A JWT lets nobody in.

    Args:
        reason: a word for the log: what of it is wrong.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotApplied(StoreApiError):
    """The operation was not applied."""


class InvalidInput(NotApplied):
    """What the client sent is not of the contract's shape.

    Args:
        detail: one sentence for the client.
        path: where in the input, as `$.items[3].quantity`; empty when it is the whole.
    """

    slug = "invalid-input"

    def __init__(self, detail: str, path: str = "") -> None:
        super().__init__(detail)
        self.path = path


class NotJson(NotApplied):
    """The body is not JSON."""

    slug = "not-json"


class WrongMediaType(NotApplied):
    """The body must be sent as Content-Type: application/json, in UTF-8."""

    slug = "wrong-media-type"


class ContentCoded(NotApplied):
    """The body must be sent as it is, without a Content-Encoding."""

    slug = "content-coded"


class UpgradeRequired(NotApplied):
    """This address speaks websocket only."""

    slug = "upgrade-required"


class ForeignPage(NotApplied):
    """A page of another site may not do this; ask the service directly."""

    slug = "foreign-page"


class StoreNotFound(NotApplied):
    """There is no such store."""

    slug = "store-not-found"

    def __init__(self, store_id: str) -> None:
        super().__init__(f"There is no store {store_id!r}.")
        self.store_id = store_id


class NoLedger(NotApplied):
    """This service keeps no ledger (LEDGER=off)."""

    slug = "no-ledger"


class HistoryExpired(NotApplied):
    """The ledger does not reach back that far.

    Args:
        begins: when what it knows begins, as it is written for people.
    """

    slug = "history-expired"

    def __init__(self, begins: str) -> None:
        super().__init__(f"The ledger knows nothing from before {begins}.")
        self.begins = begins


class LedgerBehind(NotApplied):
    """Not all that happened up to that moment is in the ledger yet; ask again in a moment."""

    slug = "ledger-behind"


@dataclass(frozen=True, slots=True)
class Shortage:
    """One item that a demand asked more of than there was, in pieces."""

    item_id: str
    wanted: int
    available: int


class OutOfStock(NotApplied):
    """The store holds less than was demanded."""

    slug = "out-of-stock"

    def __init__(self, shortages: tuple[Shortage, ...]) -> None:
        short = "item is" if len(shortages) == 1 else "items are"
        super().__init__(f"{len(shortages)} {short} short; nothing was taken.")
        self.shortages = shortages


class QuantityOverflow(NotApplied):
    """The store cannot count that high: a quantity stays below 2**63."""

    slug = "quantity-overflow"


class UnfitDocument(NotApplied):
    """The store's document cannot take this update."""


class KeyMissing(NotApplied):
    """Every operation must have an Idempotency-Key here."""

    slug = "idempotency-key-missing"


class KeyInvalid(NotApplied):
    """An Idempotency-Key is 1 to 255 visible ASCII characters but `"`, bare or in quotes, and comes once."""

    slug = "idempotency-key-invalid"


class KeyReused(NotApplied):
    """This Idempotency-Key is that of another operation."""

    slug = "idempotency-key-reused"


class CredentialMissing(NotApplied):
    """Say who you are: Authorization: Bearer, and a token."""

    slug = "credential-missing"


class CredentialInvalid(NotApplied):
    """This token is not valid: it is unknown, expired or revoked."""

    slug = "credential-invalid"


class IssuerUnavailable(NotApplied):
    """Whose JWT this is cannot be found out right now; try again in a moment."""

    slug = "issuer-unavailable"


class ScopeMissing(NotApplied):
    """The caller may not do this.

    Args:
        scope: what they would have to be allowed; of several, one is enough.
    """

    slug = "scope-missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This takes the scope {scope.replace(' ', ' or ')}.")
        self.scope = scope


class StoreForbidden(NotApplied):
    """This store is none of the caller's."""

    slug = "store-forbidden"


class UnknownHost(NotApplied):
    """The request names a host that is not this service."""

    slug = "unknown-host"


class QuotaExceeded(NotApplied):
    """Too many requests; ask again later.

    Args:
        kind: of which kind: `writes` or `reads`.
        quota: how many may be made in a window.
        window: its length, in seconds.
        wait: when the next may be made, in whole seconds from now, 1 at least.
    """

    slug = "quota-exceeded"

    def __init__(self, kind: str, quota: int, window: int, wait: int) -> None:
        super().__init__(f"{quota} {kind} in {window} s are the quota; ask again in {wait} s.")
        self.kind = kind
        self.quota = quota
        self.window = window
        self.wait = wait


class StoreHeld(NotApplied):
    """Another program's open transaction holds this store; nothing was applied."""

    slug = "store-held"


class Overloaded(NotApplied):
    """Too many operations wait already; try again in a moment."""

    slug = "overloaded"


class DatabaseUnavailable(NotApplied):
    """The database cannot be reached right now; nothing was applied."""

    slug = "database-unavailable"


class AppliedUnreported(StoreApiError):
    """The operation was applied, but the store could not be read after it; do not send it again."""

    slug = "applied-unreported"


class KeyInFlight(StoreApiError):
    """The operation with this Idempotency-Key is being carried out; ask again in a moment."""

    slug = "idempotency-in-flight"


class OutcomeUnknown(StoreApiError):
    """The database did not answer in time: the operation may have been applied."""

    slug = "outcome-unknown"


class BrokenDocument(StoreApiError):
    """Another program left a store document that cannot be read as a report.

    Args:
        store_id: whose document it is.
        reason: what is wrong with it.
        applied: whether this very operation was applied all the same.
    """

    slug = "broken-document"

    def __init__(self, store_id: str, reason: str, *, applied: bool = False) -> None:
        super().__init__(f"The document of store {store_id!r} is broken: {reason}.")
        self.store_id = store_id
        self.reason = reason
        self.applied = applied
