-- Per day: commands allowed, refused and ended badly, bytes and time.
SELECT
    day,
    sum(CASE WHEN action = 'command-started' THEN records ELSE 0 END) AS allowed,
    sum(CASE WHEN action = 'command-denied' THEN records ELSE 0 END) AS refused,
    sum(CASE WHEN action = 'command-ended' THEN failures ELSE 0 END) AS failed,
    sum(coalesce(read_bytes, 0)) AS read_bytes,
    sum(coalesce(write_bytes, 0)) AS write_bytes,
    sum(CASE WHEN action = 'command-ended' THEN coalesce(duration_ns, 0) ELSE 0 END) AS duration_ns,
    sum(records) AS all_records
FROM cube, period
WHERE day >= since AND day <= until
GROUP BY day
ORDER BY day
