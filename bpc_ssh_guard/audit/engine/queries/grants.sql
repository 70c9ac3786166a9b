-- Grants as they were opened and closed, the latest first.
SELECT
    "@timestamp" AS time, "host.name" AS host, "bpc.key.label" AS label, "bpc.grant.id" AS grant_id,
    "event.action" AS action, "bpc.grant.until" AS until_time,
    "user.name" AS opener, "bpc.grant.sudo_user" AS sudo_user, "bpc.rotation.label" AS rotation,
    "event.code" AS code, "event.reason" AS reason
FROM notable, period
WHERE "event.action" IN ('grant-opened', 'grant-closed')
    AND substr("@timestamp", 1, 10) >= since AND substr("@timestamp", 1, 10) <= until
ORDER BY time DESC, host, label
