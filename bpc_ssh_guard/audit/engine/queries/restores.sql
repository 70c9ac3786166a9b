-- Restores one by one with the grant they ran under and how they ended.
SELECT
    began."@timestamp" AS start_time, began."host.name" AS host, began."bpc.key.label" AS label,
    began."bpc.key.id" AS key_id, began."source.ip" AS address, began."bpc.grant.id" AS grant_id,
    began."bpc.paths" AS paths, done."process.exit_code" AS status,
    done."event.duration" AS duration_ns, done."bpc.io.write_bytes" AS write_bytes
FROM notable AS began
LEFT JOIN notable AS done
    ON done."process.entity_id" = began."process.entity_id" AND done."host.name" = began."host.name"
    AND done."event.action" = 'command-ended'
CROSS JOIN period
WHERE began."bpc.op" = 'restore' AND began."event.action" = 'command-started'
    AND substr(began."@timestamp", 1, 10) >= since AND substr(began."@timestamp", 1, 10) <= until
ORDER BY start_time DESC, host, label
