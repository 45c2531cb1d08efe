"""Shows the number that the worker wrote."""

import http.server

from app.worker import STATE


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            status, text = 200, STATE.read_text()
        except FileNotFoundError:
            status, text = 503, "the worker has not begun"
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("", 8000), Page).serve_forever()
