"""Mail and pages: e-mail messages, headers, base64, html, urls, templates, wrapping."""

import base64
import html
import string
import textwrap
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.depth = [], 0

    def handle_starttag(self, tag, attrs):
        self.depth += 1
        self.found += [value for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        self.depth -= 1


def letter(n):
    message = EmailMessage()
    message["Subject"] = f"Grüße Nr. {n}"
    message["From"], message["To"] = "Ann Example <ann@example.org>", ", ".join(f"p{i}@example.net" for i in range(n % 7 + 1))
    message.set_content(textwrap.fill(string.Template("Dear $name, " + "this is the text of a letter. " * 12).substitute(name="Zoë"), 60))
    page = "".join(f'<p class="x{i}"><a href="/a/{i}?{urlencode({"q": "ä b", "n": i})}">{html.escape("<&>")}</a></p>' for i in range(25))
    message.add_alternative(page, subtype="html")
    message.add_attachment(bytes(range(256)) * 4, maintype="application", subtype="octet-stream", filename="data.bin")
    return message.as_bytes()


def main():
    for n in range(30):
        message = message_from_bytes(letter(n), policy=policy.default)
        assert message["Subject"].endswith(str(n))
        parser = Links()
        parser.feed(message.get_body(("html",)).get_content())
        assert len(parser.found) == 25 and parser.depth == 0
        for link in parser.found:
            parts = urlsplit(urljoin("https://example.org/x/", link))
            assert dict(parse_qsl(parts.query))["q"] == "ä b" and quote(parts.path) == parts.path
        for part in message.iter_attachments():
            assert base64.b64decode(base64.b64encode(part.get_content())) == bytes(range(256)) * 4


main()
