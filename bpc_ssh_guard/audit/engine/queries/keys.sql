-- Each key of each machine: first and last use up to the period's end, and how often in the period.
SELECT
    host, label, key_id, min(first) AS first_time, max(last) AS last_time,
    sum(CASE WHEN day >= since AND action = 'command-started' THEN records ELSE 0 END) AS allowed,
    sum(CASE WHEN day >= since AND action = 'command-denied' THEN records ELSE 0 END) AS refused,
    sum(CASE WHEN day >= since AND action = 'key-greeted' THEN records ELSE 0 END) AS greeted
FROM cube, period
WHERE label IS NOT NULL AND day <= until
    AND action IN ('command-started', 'command-denied', 'key-greeted', 'checkpoint-served',
                   'keys-listed')
GROUP BY host, label, key_id
ORDER BY last_time DESC, host, label, key_id
