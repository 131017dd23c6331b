"""The store of ratings by hand: SQLAlchemy on SQLite, or on PostgreSQL where several machines rate.

Needs the extra `human`; PostgreSQL also needs `postgres`.
"""

from gym_rated.human.store.failures import (
    Conflict,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
)
from gym_rated.human.store.records import (
    SKIPPED,
    AgreementRow,
    AnswerRow,
    Clip,
    Codec,
    Event,
    EventRow,
    HistoryRow,
    ImportedRating,
    Job,
    Kind,
    Progress,
    Query,
    RaterProgress,
    Recorded,
    Run,
    TakenJob,
    TrainerSeen,
    WorkerSeen,
)
from gym_rated.human.store.store import Store

__all__ = [
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
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreNewer",
    "StoreReadOnly",
    "StoreUnreachable",
    "TakenJob",
    "TrainerSeen",
    "WorkerSeen",
]
