"""The tables. `event` only grows; all else can be made again from it, or is bookkeeping."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA = 3
"""Version of the tables; a store brings a lower one up to it, and refuses a higher one."""

_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only
metadata = MetaData()

run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("num_classes", Integer, nullable=False),
    Column("class_names", Text, nullable=False),  # JSON
    Column("instructions", Text, nullable=False),
    Column("criterion_hash", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("env_id", Text, nullable=False),
    Column("config", Text, nullable=False),  # JSON
    Column("overlap", Integer, nullable=False),
    Column("duplicate_rate", Float, nullable=False),
    Column("created_at", Float(53), nullable=False),
)

segment = Table(
    "segment",
    metadata,
    Column("number", _Number, primary_key=True),
    Column("run_id", Text, ForeignKey("run.id"), nullable=False),
    Column("id", Text, nullable=False),
    Column("blob", LargeBinary, nullable=False),
    Column("recipe", Text, nullable=False),  # JSON
    Column("step", _Number, nullable=False),
    Column("dropped", Text),  # why it never became a clip
    UniqueConstraint("run_id", "id"),
    sqlite_autoincrement=True,
)

job = Table(  # a segment that waits for its clip, or for another clip
    "job",
    metadata,
    Column("number", _Number, ForeignKey("segment.number"), primary_key=True, autoincrement=False),
    Column("codec", Text),
    Column("attempt", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("expires_at", Float(53), nullable=False, index=True),
)

clip = Table(
    "clip",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("codec", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("fps", Float(53), nullable=False),
    Column("frames", Integer, nullable=False),
)

query = Table(
    "query",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("run_id", Text, ForeignKey("run.id"), nullable=False),
    Column("segment", _Number, ForeignKey("segment.number"), nullable=False),
    Column("clip_sha256", Text, ForeignKey("clip.sha256")),  # none: not shown
    Column("repeat_of", _Number, ForeignKey("query.id")),  # a quality check, for one rater
    Column("repeat_for", Text),
    Column("answers", Integer, nullable=False),  # raters whose last deed is no undo
    Column("expired", Boolean, nullable=False),
    Column("created_at", Float(53), nullable=False),
    UniqueConstraint("segment", "repeat_for"),
    Index("query_open", "run_id", "answers"),
    Index(
        "query_of_segment",
        "segment",
        unique=True,
        sqlite_where=text("repeat_for IS NULL"),
        postgresql_where=text("repeat_for IS NULL"),
    ),
    sqlite_autoincrement=True,
)

lease = Table(  # one row for each clip ever given to a rater
    "lease",
    metadata,
    Column("query_id", _Number, ForeignKey("query.id"), primary_key=True, autoincrement=False),
    Column("rater", Text, primary_key=True),
    Column("expires_at", Float(53), nullable=False),  # 0 once answered
    Column("issue", Integer, nullable=False),  # the rater's how-manieth, from 0
    Index("lease_of_rater", "rater", "issue"),
)

event = Table(
    "event",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("query_id", _Number, ForeignKey("query.id"), nullable=False),
    Column("rater", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("rating", Integer),
    Column("revision", Integer, nullable=False),
    Column("clip_sha256", Text),
    Column("shown_ms", _Number),
    Column("at", Float(53), nullable=False),
    Index("event_of_rater", "query_id", "rater", "seq"),
    Index("event_by_rater", "rater", "seq"),
    sqlite_autoincrement=True,
)

remark = Table(  # flags and comments; it only grows, the last of each rater at a clip stands
    "remark",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("client_id", Text, nullable=False, unique=True),
    Column("query_id", _Number, ForeignKey("query.id"), nullable=False),
    Column("rater", Text, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Float(53), nullable=False),
    Index("remark_of_rater", "query_id", "rater", "seq"),
    sqlite_autoincrement=True,
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("kind", Text, primary_key=True),  # trainer, worker or "contradicting RUN"
    Column("name", Text, primary_key=True),  # the trainer's run, the worker's own name, the rater's
    Column("step", _Number),
    Column("learned_return", Float(53)),
    Column("problem", Text, nullable=False),
    Column("at", Float(53), nullable=False),
)

learned = Table(  # what the reward model makes of a segment: for the page, and only once rated
    "learned",
    metadata,
    Column("segment", _Number, ForeignKey("segment.number"), primary_key=True, autoincrement=False),
    Column("learned_return", Float(53), nullable=False),
)

told = Table(  # episodes whose true reward was shown: they take no answer any more
    "told",
    metadata,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("episode", Text, primary_key=True),  # its digest
    Column("rater", Text, nullable=False),  # who asked first
    Column("at", Float(53), nullable=False),
)

schema_version = Table(  # where there is no PRAGMA user_version
    "gym_rated_schema", MetaData(), Column("version", Integer, primary_key=True)
)

current = Table(  # the view below: the last event of each rater at each clip
    "current_rating", MetaData(), *(Column(column.name, column.type) for column in event.columns)
)
CREATE_VIEW = (
    "CREATE VIEW current_rating AS SELECT * FROM event AS e WHERE NOT EXISTS (SELECT 1 FROM event "
    "AS later WHERE later.query_id = e.query_id AND later.rater = e.rater AND later.seq > e.seq)"
)

current_remark = Table(  # likewise, of remarks
    "current_remark", MetaData(), *(Column(column.name, column.type) for column in remark.columns)
)
CREATE_REMARK_VIEW = (
    "CREATE VIEW current_remark AS SELECT * FROM remark AS r WHERE NOT EXISTS (SELECT 1 FROM "
    "remark AS later WHERE later.query_id = r.query_id AND later.rater = r.rater "
    "AND later.seq > r.seq)"
)
