"""JSON: documents as a web service has them, written compactly and indented, and read again."""
import json


def setup():
    return {
        "items": [
            {
                "id": i, "name": f"item {i}", "price": i * 1.25, "tags": ["a", "b\n", "ü"][: i % 4], "parent": None if i % 3 else i - 1,
                "attributes": {"on": i % 2 == 0, "unit": "°C", "history": [i, i * 2, i / 4]},
            }
            for i in range(120)
        ],
        "next": "/items?page=2", "total": 120,
    }


def run(document):
    compact = json.dumps(document, separators=(",", ":"))
    indented = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    return json.loads(compact) == json.loads(indented) == document and len(compact) * 100000 + len(indented)


EXPECTED = 1661634572
