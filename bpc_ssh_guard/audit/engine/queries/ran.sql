-- The commands that each machine ran, by shape: what the guard made of a command, its rule, features
-- and paths. Times and sizes in options are not in it.
SELECT
    "host.name" AS host,
    "rule.id" AS rule,
    "bpc.features" AS features,
    "bpc.paths" AS paths,
    min("@timestamp") AS began,
    count(*) AS times
FROM records
WHERE "event.action" = 'command-started' AND "rule.id" IS NOT NULL
GROUP BY "host.name", "rule.id", "bpc.features", "bpc.paths"
