-- Shapes of commands that a machine ran for the first time in the period: on how many machines, on
-- which one first, and how often on these. `known_since` is when another machine had first run it
-- before the period: without it the shape is new to all. Those come first, then the latest.
SELECT
    rule, features, paths,
    min(CASE WHEN substr(began, 1, 10) >= since THEN began END) AS first_time,
    argMin(host, CASE WHEN substr(began, 1, 10) >= since THEN concat(began, ' ', host) END) AS host,
    sum(CASE WHEN substr(began, 1, 10) >= since THEN 1 ELSE 0 END) AS hosts,
    sum(CASE WHEN substr(began, 1, 10) >= since THEN times ELSE 0 END) AS runs,
    min(CASE WHEN substr(began, 1, 10) < since THEN began END) AS known_since
FROM (
    SELECT host, rule, features, paths, min(ran.began) AS began, sum(ran.times) AS times
    FROM ran
    GROUP BY host, rule, features, paths
) AS each_machine
CROSS JOIN period
WHERE substr(began, 1, 10) <= until
GROUP BY rule, features, paths, since
HAVING substr(max(began), 1, 10) >= since
ORDER BY CASE WHEN known_since IS NULL THEN 0 ELSE 1 END, first_time DESC, rule, paths, features
