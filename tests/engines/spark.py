"""A Spark on this machine alone, with the log's schema as docs/engines says."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.unit.record.scenes import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession

SCHEMA = os.path.join(CHECKOUT, "docs", "engines", "spark-schema.json")
CORRUPT = "_corrupt_record"


class NoJavaError(Exception):
    """Spark can't run here; the text says what to install."""


@contextmanager
def session(folder: str) -> Iterator[SparkSession]:
    """Yield a Spark of one thread, reachable from this machine only, its files in FOLDER."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise NoJavaError("Spark needs Java 17 or later: apt install openjdk-17-jre-headless")
    from pyspark.sql import SparkSession

    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"  # else the launcher asks for the machine's name
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.local.dir", folder)
        .config("spark.sql.warehouse.dir", os.path.join(folder, "warehouse"))
        .getOrCreate()
    )
    try:
        yield spark
    finally:
        spark.stop()


def load(spark: SparkSession, path: str, *, corrupt: bool = False) -> DataFrame:
    """Return the records at PATH; with CORRUPT also, what of a line the schema didn't take."""
    from pyspark.sql.types import StructType

    with open(SCHEMA, encoding="ascii") as file:
        schema = StructType.fromJson(json.load(file))
    if corrupt:
        schema = schema.add(CORRUPT, "string")
    return spark.read.schema(schema).json(path)


def rows(frame: DataFrame) -> list[dict[str, Any]]:
    """Return the rows of FRAME without their nulls: for Spark null and absent are the same."""
    return [
        {name: value for name, value in row.asDict(recursive=True).items() if value is not None}
        for row in frame.collect()
    ]
