"""XML: a document built, written, parsed, searched and changed with ElementTree."""
import xml.etree.ElementTree as ET


def run():
    root = ET.Element("catalog", {"version": "1"})
    for i in range(120):
        book = ET.SubElement(root, "book", id=f"b{i}", kind="novel" if i % 3 else "poems")
        ET.SubElement(book, "title").text = f"Title & <number> {i}"
        ET.SubElement(book, "price", currency="EUR").text = str(i / 4)
        authors = ET.SubElement(book, "authors")
        for n in range(i % 3 + 1):
            ET.SubElement(authors, "author").text = f"Author {n}"
    again = ET.fromstring(ET.tostring(root))
    found = sum(int(float(p.text) * 4) for p in again.iter("price"))
    for book in again.findall("./book[@kind='poems']"):
        again.remove(book)
    found += len(again.findall("./book/authors/author")) + len(again)
    return found + sum(len(t.text) for t in again.iterfind(".//title"))


EXPECTED = 8948
