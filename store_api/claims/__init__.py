"""Keys that clients name operations by: who claims one, and what became of the operation then; no driver."""

from store_api.claims.claim import Claim, State
from store_api.claims.finding_out import FindingOut
from store_api.claims.ports import Claims, NoClaims, NotClaimed

__all__ = ["Claim", "Claims", "FindingOut", "NoClaims", "NotClaimed", "State"]
