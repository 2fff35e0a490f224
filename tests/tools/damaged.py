"""damaged.py KMEM CORE ROUNDS: core files with damage in them, at random, looked at by every command.

Whatever the core says, the command ends soon and by an exit code that the manual knows.
"""
import random
import subprocess
import sys

COMMANDS = ("slabinfo", "buddyinfo", "zoneinfo", "vmas")
CODES = (0, 3, 5, 6, 7, 8)


def interesting(data):
    """Places that steer the reader: the headers and notes, and all words that may be pointers."""
    places = list(range(64, 4096, 4))
    for at in range(0, len(data) - 8, 8):
        word = int.from_bytes(data[at:at + 8], "little")
        if word >> 40 == 0x7f or 0x400000 <= word < 0x800000:
            places.append(at)
    return places


def damage(data, places, dice):
    for _ in range(dice.choice((1, 3, 30, 3000))):
        at = dice.choice(places)
        kind = dice.randrange(4)
        if kind == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            data[at:at + 8] = dice.randbytes(8)
        elif kind == 2:
            data[at:at + 8] = b"\0" * 8
        else:
            other = dice.choice(places)
            data[at:at + 8] = data[other:other + 8]


def main():
    kmem, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path, "rb") as core:
        whole = core.read()
    places = interesting(whole)
    seen = {}
    for seed in range(rounds):
        dice = random.Random(seed)
        data = bytearray(whole)
        damage(data, places, dice)
        with open(path + ".damaged", "wb") as core:
            core.write(data)
        command = dice.choice(COMMANDS)
        done = subprocess.run([kmem, command, path + ".damaged"], timeout=60,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        code = done.returncode
        assert code in CODES, f"seed {seed}: {command} ended with {code}: {done.stderr}"
        assert code == 0 or done.stderr.startswith(b"kmem: "), f"seed {seed}: {done.stderr}"
        seen[code] = seen.get(code, 0) + 1
    print(f"{len(places)} places, exit codes and how often: {seen}")


main()
