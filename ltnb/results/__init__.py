"""What a run leaves on disk: one schema-versioned JSON record, and the tables that are made of records."""

from ltnb.results.environment import environment, project_root
from ltnb.results.paired import PairedDifference, holm, paired_difference
from ltnb.results.real import RealRegime, real_regimes
from ltnb.results.real_stages import RealHeads, RealStage, real_heads
from ltnb.results.record import Record, load_record, save_record
from ltnb.results.schema import SCHEMA
from ltnb.results.standard import collect, load_standard, read_runs
from ltnb.results.summaries import comparison, gains, summary

__all__ = [
    "SCHEMA",
    "PairedDifference",
    "RealHeads",
    "RealRegime",
    "RealStage",
    "Record",
    "collect",
    "comparison",
    "environment",
    "gains",
    "holm",
    "load_record",
    "load_standard",
    "paired_difference",
    "project_root",
    "read_runs",
    "real_heads",
    "real_regimes",
    "save_record",
    "summary",
]
