"""Adding rows that may be there already, in the words that both databases understand."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def add_if_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> Any:
    """Add a row unless its key is taken; returns the first column of a new row, else None."""
    statement = _INSERT[connection.dialect.name](table).values(**values).on_conflict_do_nothing()
    first = next(iter(table.columns))
    return connection.execute(statement.returning(first)).scalar_one_or_none()


def upsert(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Add a row, or replace the values of the one with its primary key."""
    key = [column.name for column in table.primary_key]
    rest = {name: value for name, value in values.items() if name not in key}
    statement = _INSERT[connection.dialect.name](table).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=rest))
