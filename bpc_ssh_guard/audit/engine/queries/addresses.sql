-- Addresses that a key was first used from in the period, after it had been used from others. The
-- key is the one that logged in: what a rotation key does to another one is told of that one.
SELECT
    fresh.host AS host, fresh.login AS label, fresh.login_id AS key_id, fresh.address AS address,
    fresh.began AS first_time, fresh.records AS records
FROM (
    SELECT
        host, coalesce(rotation_label, label) AS login, coalesce(rotation_id, key_id) AS login_id,
        address, min(first) AS began, sum(records) AS records
    FROM cube
    WHERE address IS NOT NULL
    GROUP BY host, coalesce(rotation_label, label), coalesce(rotation_id, key_id), address
) AS fresh
JOIN (
    SELECT
        host, coalesce(rotation_label, label) AS login, coalesce(rotation_id, key_id) AS login_id,
        min(first) AS began
    FROM cube
    WHERE address IS NOT NULL
    GROUP BY host, coalesce(rotation_label, label), coalesce(rotation_id, key_id)
) AS known
    ON fresh.host = known.host AND fresh.login = known.login AND fresh.login_id = known.login_id
CROSS JOIN period
WHERE fresh.began > known.began
    AND substr(fresh.began, 1, 10) >= since AND substr(fresh.began, 1, 10) <= until
ORDER BY first_time DESC, host, label, address
