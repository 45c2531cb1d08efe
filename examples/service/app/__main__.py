"""A web service: a page, a form of data, and a health check."""

import asyncio
import os
import signal

import tornado.template
import tornado.web

page = tornado.template.Template("<!doctype html><title>Hello</title><p>Hello, {{ name }}!\n")


class Page(tornado.web.RequestHandler):
    def get(self):
        self.write(page.generate(name=self.get_argument("name", "world")))


class Greeting(tornado.web.RequestHandler):
    def get(self):
        self.write({"hello": self.get_argument("name", "world")})


class Health(tornado.web.RequestHandler):
    def get(self):
        self.write("ok\n")


async def main():
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    application = tornado.web.Application([("/", Page), ("/api/greeting", Greeting), ("/health", Health)])
    application.listen(int(os.environ.get("PORT", "8000")))
    await stop.wait()


asyncio.run(main())
