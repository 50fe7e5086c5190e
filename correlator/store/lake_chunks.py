"""Files of the lake, a piece at a time: for whoever reads months of it in bounded memory."""

from collections.abc import Iterator

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from correlator.store.lake import LAKE, SEGMENT, LakeFile, lake_folder

#: Rows that are in memory together.
CHUNK_ROWS = 50_000


def chunks(engine: sa.Engine, file: LakeFile, rows: int = CHUNK_ROWS) -> Iterator[pl.DataFrame]:
    """Yield the events of one visible file, at most ``rows`` at once, with all columns of ``LAKE``.

    Raises FileNotFoundError when the file left the lake since it was listed.
    """
    path = lake_folder(engine) / file.path
    with path.open("rb") as stream:  # an open file: a "[" in a folder's name must not become a pattern
        if file.kind == SEGMENT:
            yield from _whole(pl.read_ipc(stream)).iter_slices(rows)
            return
        from pyarrow import parquet  # noqa: PLC0415 - 40 ms that only this needs

        for batch in parquet.ParquetFile(stream).iter_batches(batch_size=rows):
            yield _whole(_frame(batch))


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    made = pl.from_arrow(pa.Table.from_batches([batch]))
    return made if isinstance(made, pl.DataFrame) else made.to_frame()


def _whole(rows: pl.DataFrame) -> pl.DataFrame:
    columns = [(pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name) for name, dtype in LAKE.items()]
    return rows.select(columns)
