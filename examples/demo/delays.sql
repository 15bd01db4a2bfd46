-- How late each airline leaves New York, whether wind matters, and how old its planes are.
SELECT a.name                                                        AS airline,
       count(*)                                                      AS flights,
       round(avg(f.dep_delay), 1)                                    AS delay_min,
       round(avg(f.dep_delay) FILTER (WHERE w.wind_speed < 10), 1)   AS in_calm,
       round(avg(f.dep_delay) FILTER (WHERE w.wind_speed >= 20), 1)  AS in_wind,
       round(avg(f.year - p.year), 1)                                AS plane_age,
       count(DISTINCT d.name)                                        AS airports
FROM flights f
JOIN airlines a ON a.carrier = f.carrier
LEFT JOIN airports d ON d.faa = f.dest
LEFT JOIN planes p ON p.tailnum = f.tailnum
LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
GROUP BY airline
ORDER BY delay_min DESC
