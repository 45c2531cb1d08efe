"""Regular expressions: searching, splitting, groups, replacing by a function, and compiling."""
import re

LINE = re.compile(r'(?P<host>\S+) \[(?P<day>\d{4}-\d\d-\d\d)[^\]]*\] "(?P<method>[A-Z]+) (?P<path>[^ ?"]*)(?:\?([^ "]*))?" (\d{3}) (\d+|-)')
ADDRESS = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")


def setup():
    return "\n".join(
        f'10.0.{i % 256}.{i * 7 % 256} [2024-0{i % 9 + 1}-1{i % 9} 12:00] "{"GET" if i % 3 else "POST"} /p/{i}/x?user=u{i}@h{i % 5}.example.org" {200 + i % 5} {i * 31}'
        for i in range(200)
    )


def run(text):
    found = sum(int(m["path"].split("/")[2]) + len(m.group(5)) for m in LINE.finditer(text))
    found += len(ADDRESS.findall(text)) + len(re.split(r"[\s\"\[\]]+", text))
    swapped = re.sub(r"(\d{4})-(\d\d)-(\d\d)", lambda m: f"{m[3]}.{m[2]}.{m[1]}", text)
    re.purge()
    return found + swapped.count(".2024") + len(re.findall(r"(?i)post\s+/p/\d*[02468]/", text))


EXPECTED = 26424
