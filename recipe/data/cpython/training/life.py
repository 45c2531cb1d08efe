"""Conway's Life on an unbounded board: sets of tuples, unions, membership."""


def step(alive):
    counts = {}
    for x, y in alive:
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                if dx or dy:
                    cell = x + dx, y + dy
                    counts[cell] = counts.get(cell, 0) + 1
    return {cell for cell, n in counts.items() if n == 3 or (n == 2 and cell in alive)}


def main():
    board = {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)} | {(40 + x, 40 + y) for x, y in ((0, 1), (1, 0), (1, 1), (1, 2), (2, 2))}
    for _ in range(260):
        board = step(board)
    assert len(board) == 123, len(board)


main()
