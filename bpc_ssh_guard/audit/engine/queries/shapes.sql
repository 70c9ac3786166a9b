-- Shapes of commands that were run for the first time in the period, the latest first.
SELECT
    rule, features, paths, min(first) AS first_time, min(host) AS host, count(*) AS hosts,
    sum(records) AS runs
FROM cube, period
WHERE day IS NULL AND action = 'command-started' AND rule IS NOT NULL
    AND substr(first, 1, 10) <= until
GROUP BY rule, features, paths, since
HAVING substr(min(first), 1, 10) >= since
ORDER BY first_time DESC, rule
