"""A Scrapy item pipeline that asks of every item: seen before, a copy of what, broken?

    ITEM_PIPELINES = {"dedupe.adapters.scrapy.DedupePipeline": 300}
    DEDUPE_INDEX = "sqlite:seen.db"
    DEDUPE_ACTION = "tag"                      # default: items get a field `dedupe`; or "raise": duplicates are dropped
    DEDUPE_DUPLICATES = "duplicates.jsonl"     # where the dropped ones are written first; needed for "raise"
    DEDUPE_FIELDS = {"text": "body"}           # where roles and fields have other names
    DEDUPE_SETTINGS = "dedupe.toml"            # settings of the stream, if not the defaults

Text and title of an item are repaired in place. An item is in the index, durably, when it leaves the pipeline. An item that
`DropItem` drops leaves nothing but a line in Scrapy's log, therefore it is written to a file and synced first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem, NotConfigured

from dedupe.adapters.mapping import build_article
from dedupe.config import Settings, load_settings
from dedupe.corpus.envelope import dump_line
from dedupe.ingest.stream import Result, Stream


class DedupePipeline:
    """The item pipeline; made by Scrapy from the settings above. Raises NotConfigured where they are incomplete."""

    def __init__(
        self,
        index: str,
        settings: Settings | None = None,
        *,
        action: str = "tag",
        duplicates: str | Path | None = None,
        fields: dict[str, str] | None = None,
    ) -> None:
        if not index:
            raise NotConfigured("DEDUPE_INDEX names no index; write sqlite:PATH")
        if action not in {"tag", "raise"}:
            raise NotConfigured(f"DEDUPE_ACTION is {action!r}; it takes 'tag' or 'raise'")
        if action == "raise" and not duplicates:
            raise NotConfigured("DEDUPE_DUPLICATES must name a file: dropped items are written there first")
        self._index, self._settings = index, settings
        self._duplicates = Path(duplicates) if action == "raise" and duplicates else None
        self._fields = fields or {}
        self._stream: Stream | None = None

    @classmethod
    def from_crawler(cls, crawler: Any) -> DedupePipeline:
        """The pipeline for a crawler's settings."""
        asked = crawler.settings
        path = asked.get("DEDUPE_SETTINGS")
        return cls(
            asked.get("DEDUPE_INDEX", ""),
            load_settings(path) if path else None,
            action=asked.get("DEDUPE_ACTION", "tag"),
            duplicates=asked.get("DEDUPE_DUPLICATES"),
            fields=asked.getdict("DEDUPE_FIELDS"),
        )

    def open_spider(self, spider: Any = None) -> None:
        """Open the index."""
        self._stream = Stream(self._settings, self._index)

    def close_spider(self, spider: Any = None) -> None:
        """Close the index."""
        if self._stream:
            self._stream.close()

    def process_item(self, item: Any, spider: Any = None) -> Any:
        """The item, repaired and tagged. Raises DropItem for a duplicate if the action is "raise"."""
        assert self._stream is not None, "open_spider comes first"
        adapter = ItemAdapter(item)
        result = self._stream.process(build_article(adapter, self._fields))
        if self._duplicates and result.status == "duplicate":
            self._write_down(adapter, result)
            raise DropItem(f"duplicate of {result.dup_of} ({result.kind})")
        for role in ("text", "title"):
            field = self._fields.get(role, role)
            if result.spans(role):
                adapter[field] = result.repaired(role)
        if not self._duplicates:
            adapter["dedupe"] = result.describe()
        return item

    def _write_down(self, adapter: ItemAdapter, result: Result) -> None:
        assert self._duplicates is not None
        with self._duplicates.open("ab") as file:
            file.write(dump_line({"dedupe": result.describe(), "record": adapter.asdict()}))
            file.flush()
            os.fsync(file.fileno())
