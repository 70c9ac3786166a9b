-- Addresses that a key was first used from in the period, after it had been used from others.
SELECT fresh.host, fresh.label, fresh.key_id, fresh.address, fresh.first AS first_time, fresh.records
FROM cube AS fresh
JOIN (
    SELECT host, label, key_id, min(first) AS began
    FROM cube
    WHERE address IS NOT NULL
    GROUP BY host, label, key_id
) AS known
    ON fresh.host = known.host AND fresh.label = known.label AND fresh.key_id = known.key_id
CROSS JOIN period
WHERE fresh.address IS NOT NULL AND fresh.first > known.began
    AND substr(fresh.first, 1, 10) >= since AND substr(fresh.first, 1, 10) <= until
ORDER BY first_time DESC, fresh.host, fresh.label, fresh.address
