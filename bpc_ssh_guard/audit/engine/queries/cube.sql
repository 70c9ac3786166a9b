-- Everything the other queries count, in one pass over the records: by day, by address, by shape of
-- the command, and the files that hold what is shown one by one. The shape is what the guard made of
-- the command: rule, features, paths. Times and sizes in options are not in it.
SELECT
    substr("@timestamp", 1, 10) AS day,
    "host.name" AS host,
    "event.action" AS action,
    "event.code" AS code,
    "bpc.key.label" AS label,
    "bpc.key.id" AS key_id,
    "bpc.rotation.label" AS rotation_label,
    "bpc.rotation.id" AS rotation_id,
    "source.ip" AS address,
    "rule.id" AS rule,
    "bpc.features" AS features,
    "bpc.paths" AS paths,
    CASE WHEN "bpc.op" = 'restore' OR "event.action" IN ('grant-opened', 'grant-closed')
         THEN file END AS notable_file,
    count(*) AS records,
    min("@timestamp") AS first,
    max("@timestamp") AS last,
    sum("bpc.io.read_bytes") AS read_bytes,
    sum("bpc.io.write_bytes") AS write_bytes,
    sum("event.duration") AS duration_ns,
    sum(CASE WHEN "event.outcome" = 'failure' THEN 1 ELSE 0 END) AS failures
FROM records
GROUP BY GROUPING SETS (
    (substr("@timestamp", 1, 10), "host.name", "event.action", "event.code", "bpc.key.label",
     "bpc.key.id"),
    ("host.name", "bpc.key.label", "bpc.key.id", "bpc.rotation.label", "bpc.rotation.id",
     "source.ip"),
    ("host.name", "event.action", "rule.id", "bpc.features", "bpc.paths"),
    ("bpc.key.label",
     CASE WHEN "bpc.op" = 'restore' OR "event.action" IN ('grant-opened', 'grant-closed')
          THEN file END)
)
