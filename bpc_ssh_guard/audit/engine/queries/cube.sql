-- What most of the other queries count, in one pass over the records: by day, by what it was of, by
-- key and by address.
SELECT
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
    count(*) AS records,
    min("@timestamp") AS first,
    max("@timestamp") AS last,
    sum("bpc.io.read_bytes") AS read_bytes,
    sum("bpc.io.write_bytes") AS write_bytes,
    sum("event.duration") AS duration_ns,
    sum(CASE WHEN "event.outcome" = 'failure' THEN 1 ELSE 0 END) AS failures
FROM records
GROUP BY
    substr("@timestamp", 1, 10), "host.name", "event.action", "event.code", "bpc.op",
    "bpc.key.label", "bpc.key.id", "bpc.rotation.label", "bpc.rotation.id", "source.ip"
