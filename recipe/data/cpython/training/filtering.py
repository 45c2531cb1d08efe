"""Sound, filtered and measured: floats, complex numbers, arrays, math, random numbers, statistics."""

import cmath
import math
import random
import statistics
from array import array


def tone(n, rate, hertz, noise):
    return array("d", (math.sin(2 * math.pi * hertz * i / rate) + noise.gauss(0, 0.1) for i in range(n)))


def lowpass(samples, alpha):
    out, last = array("d", bytes(8 * len(samples))), 0.0
    for i, x in enumerate(samples):
        last += alpha * (x - last)
        out[i] = last
    return out


def strength(samples, rate, hertz):
    turn = cmath.exp(-2j * math.pi * hertz / rate)
    total, phase = 0j, 1 + 0j
    for x in samples:
        total += x * phase
        phase *= turn
    return abs(total) / len(samples)


def main():
    noise, rate = random.Random(7), 8000
    samples = lowpass(tone(24000, rate, 440, noise), 0.6)
    heard = {hertz: strength(samples, rate, hertz) for hertz in (220, 330, 440, 550, 880)}
    assert max(heard, key=heard.get) == 440
    blocks = [samples[i:i + 500] for i in range(0, len(samples), 500)]
    loud = [math.sqrt(math.fsum(x * x for x in block) / len(block)) for block in blocks]
    assert 0.5 < statistics.fmean(loud) < 0.9 and statistics.median(loud) > 0 and math.isfinite(statistics.stdev(loud))


main()
