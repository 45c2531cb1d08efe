"""Sums up measurements (time,sensor,value a line) from files, or from a feed (ws://...), and prints a line of JSON for each sensor."""

import csv
import json
import sqlite3
import sys

import tornado.speedups  # an extension in C: without it the image has the wrong wheel
import websockets.speedups  # likewise
import websockets.sync.client


def rows(source):
    if source.startswith(("ws://", "wss://")):
        with websockets.sync.client.connect(source) as feed:
            yield from csv.reader(feed)
    elif source == "-":
        yield from csv.reader(sys.stdin)
    else:
        with open(source, encoding="utf-8", newline="") as file:
            yield from csv.reader(file)


def main():
    db = sqlite3.connect(":memory:")
    db.execute("create table m (time text, sensor text, value real)")
    for source in sys.argv[1:]:
        db.executemany("insert into m values (?, ?, ?)", rows(source))
    query = "select sensor, count(*), min(value), avg(value), max(value) from m group by sensor order by sensor"
    for sensor, count, low, mean, high in db.execute(query):
        print(json.dumps({"sensor": sensor, "count": count, "min": low, "mean": round(mean, 6), "max": high}))


main()
