"""A small web server: the application of the example."""

import asyncio

import jinja2
import tornado.web

page = jinja2.Template("Hello, {{ name }}!\n")


class Hello(tornado.web.RequestHandler):
    def get(self):
        self.write(page.render(name=self.get_argument("name", "world")))


async def main():
    tornado.web.Application([("/", Hello)]).listen(8000)
    await asyncio.Event().wait()


asyncio.run(main())
