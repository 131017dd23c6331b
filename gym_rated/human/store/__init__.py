"""The store of ratings by hand: SQLAlchemy on SQLite, or on PostgreSQL where several machines rate.

Needs the extra `human`; PostgreSQL also needs `postgres`.
"""

from gym_rated.human.store.failures import (
    PASSING,
    Conflict,
    StoreBehind,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMoved,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
)
from gym_rated.human.store.records import (
    SKIPPED,
    Clip,
    Codec,
    Event,
    ImportedRating,
    Job,
    Kind,
    Run,
)
from gym_rated.human.store.results import (
    AgreementRow,
    AnswerRow,
    EventRow,
    HistoryRow,
    Progress,
    Query,
    RaterProgress,
    Recorded,
    TakenJob,
    TrainerSeen,
    WorkerSeen,
)
from gym_rated.human.store.store import Store

__all__ = [
    "PASSING",
    "SKIPPED",
    "AgreementRow",
    "AnswerRow",
    "Clip",
    "Codec",
    "Conflict",
    "Event",
    "EventRow",
    "HistoryRow",
    "ImportedRating",
    "Job",
    "Kind",
    "Progress",
    "Query",
    "RaterProgress",
    "Recorded",
    "Run",
    "Store",
    "StoreBehind",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMoved",
    "StoreNewer",
    "StoreReadOnly",
    "StoreUnreachable",
    "TakenJob",
    "TrainerSeen",
    "WorkerSeen",
]
