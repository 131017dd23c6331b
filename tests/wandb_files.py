"""Read back what W&B's client wrote while it was offline, with its own classes of records."""

import json
import struct
from pathlib import Path
from typing import Any

BLOCK = 32_768  # as in LevelDB's log
HEADER = struct.Struct("<IHB")  # checksum, length, kind
FULL, FIRST, MIDDLE, LAST = range(1, 5)


def records(path: Path) -> list[Any]:
    """Return the records of a file `run-ID.wandb`."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, found, part = path.read_bytes(), [], b""
    assert data[:4] == b":W&B"
    at = HEADER.size  # of the file's own header
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:  # the rest of a block is empty
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = HEADER.unpack_from(data, at)
        at += HEADER.size
        part += data[at : at + length]
        at += length
        assert kind in (FULL, FIRST, MIDDLE, LAST)
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(part)
            found.append(record)
            part = b""
    return found


class OfflineRun:
    """What one process wrote about a run."""

    def __init__(self, folder: Path) -> None:
        [path] = folder.glob("run-*.wandb")
        self.records = records(path)
        self.run = next(r.run for r in self.records if r.HasField("run"))
        self.exit_codes = [r.exit.exit_code for r in self.records if r.HasField("exit")]
        self.artifacts = [
            {entry.path for entry in r.request.log_artifact.artifact.manifest.contents}
            for r in self.records
            if r.HasField("request")
        ] + [
            {entry.path for entry in r.artifact.manifest.contents}
            for r in self.records
            if r.HasField("artifact")
        ]

    @property
    def config(self) -> dict[str, Any]:
        """Name -> value."""
        return {item.key: json.loads(item.value_json) for item in self.run.config.update}

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each row of its history."""
        history = [record.history for record in self.records if record.HasField("history")]
        return [
            {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in h.item}
            for h in history
        ]

    @property
    def summary(self) -> dict[str, Any]:
        """Name -> last value."""
        found = {}
        for record in self.records:
            if record.HasField("summary"):
                for item in record.summary.update:
                    key = item.key or "/".join(item.nested_key)
                    found[key] = json.loads(item.value_json)
        return found
