"""What the papers print: their tables as data and their claims, for "published against ours"."""

from ltnb.papers.ballad_claims import BALLAD_CLAIMS
from ltnb.papers.claim import Claim
from ltnb.papers.ivlm_claims import IVLM_CLAIMS
from ltnb.papers.published_tables import FLAGS, published, reported, table_names, trusted
from ltnb.papers.verdicts import Verdict, verdicts
from ltnb.papers.vl_ltr_claims import VL_LTR_CLAIMS

CLAIMS: tuple[Claim, ...] = (*IVLM_CLAIMS, *BALLAD_CLAIMS, *VL_LTR_CLAIMS)
"""Every claim of every paper, in the order of the ledger."""

__all__ = ["CLAIMS", "FLAGS", "Claim", "Verdict", "published", "reported", "table_names", "trusted", "verdicts"]
