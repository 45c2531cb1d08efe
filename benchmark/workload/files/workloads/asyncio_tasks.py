"""asyncio: tasks that hand work to each other by a queue, locks, events, timeouts and gathered results."""
import asyncio


async def work(queue, done, lock):
    while True:
        item = await queue.get()
        if item is None:
            return len(done)
        async with lock:
            done.append(item * 2)
        await asyncio.sleep(0)


async def main():
    queue, done, lock, ready = asyncio.Queue(8), [], asyncio.Lock(), asyncio.Event()
    workers = [asyncio.ensure_future(work(queue, done, lock)) for _ in range(6)]

    async def wait(n):
        await asyncio.wait_for(ready.wait(), 60)
        return n

    waiters = [asyncio.ensure_future(wait(n)) for n in range(40)]
    for i in range(250):
        await queue.put(i)
    for _ in workers:
        await queue.put(None)
    await asyncio.gather(*workers)
    ready.set()
    return sum(done) + sum(await asyncio.gather(*waiters))


def setup():
    return asyncio.new_event_loop()


def run(loop):
    return loop.run_until_complete(main())


EXPECTED = 63030
