"""damaged.py KMEM CORE ROUNDS: core files with damage in them, at random, looked at by every command.

Whatever the core says, the command ends soon and by an exit code that the manual knows.
"""
import random
import struct
import subprocess
import sys

COMMANDS = ("slabinfo", "buddyinfo", "zoneinfo", "vmas", "sysfs")
CODES = (0, 3, 5, 6, 7, 8)


def interesting(data):
    """Places that steer the reader: the headers and notes, and all words that may be pointers."""
    places = list(range(64, 4096, 4))
    for at, (word,) in zip(range(0, len(data), 8), struct.iter_unpack("<Q", data[:len(data) & ~7])):
        if word >> 40 == 0x7f or 0x400000 <= word < 0x800000:
            places.append(at)
    return places


def damage(core, whole, places, dice):
    """Writes damage to the open file; the places that were written to."""
    hit = [dice.choice(places) for _ in range(dice.choice((1, 3, 30, 3000)))]
    for at in hit:
        other = dice.choice(places)
        word = whole[at:at + 8]
        word = dice.choice((bytes([word[0] ^ 1 << dice.randrange(8)]) + word[1:],
                            dice.randbytes(8), b"\0" * 8, whole[other:other + 8]))
        core.seek(at)
        core.write(word)
    return hit


def repair(core, whole, hit):
    for at in hit:
        core.seek(at)
        core.write(whole[at:at + 8])


def main():
    kmem, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(path, "rb") as core:
        whole = core.read()
    places = interesting(whole)
    seen = {}
    for seed in range(rounds):
        dice = random.Random(seed)
        with open(path, "r+b") as core:
            hit = damage(core, whole, places, dice)
        command = dice.choice(COMMANDS)
        done = subprocess.run([kmem, command, path], timeout=60, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        code = done.returncode
        assert code in CODES, f"seed {seed}: {command} ended with {code}: {done.stderr}"
        assert code == 0 or done.stderr.startswith(b"kmem: "), f"seed {seed}: {done.stderr}"
        seen[code] = seen.get(code, 0) + 1
        with open(path, "r+b") as core:
            repair(core, whole, hit)
    print(f"{len(places)} places, exit codes and how often: {seen}")


main()
