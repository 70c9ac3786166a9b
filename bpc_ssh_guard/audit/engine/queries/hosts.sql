-- Each machine with its first and last record of all time up to the period's end, the longest
-- silent first.
SELECT host, min(first) AS first_time, max(last) AS last_time, sum(records) AS records
FROM cube, period
WHERE host IS NOT NULL AND day <= until
GROUP BY host
ORDER BY last_time, host
