"""Reads versions of Delta tables with one reader and prints their rows as texts, so that a test can compare them.

    python3 read-open-tables.py deltalake|duckdb|spark REQUESTS.json

REQUESTS.json holds a list of {"path", "version", "columns": [{"name", "type"}]} and, for a query on several tables,
{"tables": {name: path}, "sql"}. One line is printed for each request: a JSON list of its rows as texts, sorted.
"""

import json
import sys


def row_text(columns, micros):
    parts = []
    for column in columns:
        name, kind = column["name"], column["type"]
        value = f"{micros}({name})" if kind == "timestamp" else name
        parts.append(f"coalesce(cast({value} as string), '-')")
    return " || '|' || ".join(parts)


def duckdb_connection():
    import duckdb

    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


def with_deltalake(request):
    """The Rust library finds the files and reads them; DuckDB only writes out the values that it hands over."""
    from deltalake import DeltaTable, QueryBuilder

    if "sql" in request:
        builder = QueryBuilder()
        for name, path in request["tables"].items():
            builder = builder.register(name, DeltaTable(path))
        return [row[0] for row in arrow_rows(builder.execute(request["sql"]).read_all(), "line")]
    table = DeltaTable(request["path"], version=request["version"])
    assert table.version() == request["version"]
    batches = QueryBuilder().register("t", table).execute("select * from t").read_all()
    return [row[0] for row in arrow_rows(batches, row_text(request["columns"], "epoch_us"))]


def arrow_rows(batches, expression):
    connection = duckdb_connection()
    connection.register("given", batches)
    return connection.execute(f"select {expression} from given").fetchall()


def with_duckdb(request):
    connection = duckdb_connection()
    load_extension(connection)
    if "sql" in request:
        for name, path in request["tables"].items():
            connection.execute(f"create view {name} as select * from delta_scan('{path}')")
        return [row[0] for row in connection.execute(request["sql"]).fetchall()]
    source = f"delta_scan('{request['path']}', version = {request['version']})"
    return [row[0] for row in connection.execute(f"select {row_text(request['columns'], 'epoch_us')} from {source}").fetchall()]


def load_extension(connection):
    """The wheel holds the extension as a file, so nothing is fetched from elsewhere."""
    import pathlib

    import duckdb_extension_delta

    folder = pathlib.Path(duckdb_extension_delta.__file__).parent
    connection.execute(f"load '{next(folder.rglob('delta.duckdb_extension'))}'")


def spark_session():
    import os

    from pyspark.sql import SparkSession

    return (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", os.environ["GRIDTALLY_DELTA_JARS"])
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "1")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .getOrCreate()
    )


def with_spark(request):
    spark = spark_session()
    if "sql" in request:
        for name, path in request["tables"].items():
            spark.read.format("delta").load(path).createOrReplaceTempView(name)
        return [row[0] for row in spark.sql(request["sql"]).collect()]
    frame = spark.read.format("delta").option("versionAsOf", request["version"]).load(request["path"])
    return [row[0] for row in frame.selectExpr(row_text(request["columns"], "unix_micros")).collect()]


READERS = {"deltalake": with_deltalake, "duckdb": with_duckdb, "spark": with_spark}

if __name__ == "__main__":
    read = READERS[sys.argv[1]]
    with open(sys.argv[2], encoding="utf-8") as file:
        requests = json.load(file)
    for request in requests:
        print(json.dumps(sorted(read(request))), flush=True)
