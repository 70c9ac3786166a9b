-- Refusals by reason, machine and key, the most frequent first.
SELECT
    code, host, label, key_id,
    sum(records) AS refused, min(first) AS first_time, max(last) AS last_time
FROM cube, period
WHERE day >= since AND day <= until AND action = 'command-denied'
GROUP BY code, host, label, key_id
ORDER BY refused DESC, code, host, label, key_id
