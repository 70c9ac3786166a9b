-- Everything the other queries count, in one pass over the records. `part` tells what was counted: by
-- day, kind of record, key and address; or by machine and shape of its commands. The shape is what
-- the guard made of the command: rule, features, paths. Times and sizes in options are not in it.
SELECT
    CASE WHEN grouping("source.ip") = 0 THEN 'day' ELSE 'shape' END AS part,
    substr("@timestamp", 1, 10) AS day,
    "host.name" AS host,
    "event.action" AS action,
    "event.code" AS code,
    "bpc.op" AS op,
    "bpc.key.label" AS label,
    "bpc.key.id" AS key_id,
    "bpc.rotation.label" AS rotation_label,
    "bpc.rotation.id" AS rotation_id,
    "source.ip" AS address,
    "rule.id" AS rule,
    "bpc.features" AS features,
    "bpc.paths" AS paths,
    count(*) AS records,
    min("@timestamp") AS first,
    max("@timestamp") AS last,
    sum("bpc.io.read_bytes") AS read_bytes,
    sum("bpc.io.write_bytes") AS write_bytes,
    sum("event.duration") AS duration_ns,
    sum(CASE WHEN "event.outcome" = 'failure' THEN 1 ELSE 0 END) AS failures
FROM records
GROUP BY GROUPING SETS (
    (substr("@timestamp", 1, 10), "host.name", "event.action", "event.code", "bpc.op",
     "bpc.key.label", "bpc.key.id", "bpc.rotation.label", "bpc.rotation.id", "source.ip"),
    ("host.name", "event.action", "rule.id", "bpc.features", "bpc.paths")
)
