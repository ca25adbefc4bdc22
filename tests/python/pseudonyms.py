"""Pseudonyms and link tokens by Python's own hmac: an implementation that shares no code with Accord.

    pseudonyms.py > src/identity/golden/pseudonyms.tsv

One line a vector: use, domain, normalised values as JSON, 16 bytes in hexadecimal digits. The key is HKDF-SHA256
(RFC 5869, no salt) of the root bytes 0 to 31 with the info lp(use) + lp(domain); the vector is the first half of
HMAC-SHA256 over lp(domain) + lp(normaliser version) + lp(value) for each value, where lp() puts the length of its argument
in front as 8 bytes, and the version is 4 bytes, both big-endian.
"""

import hashlib
import hmac
import json
import struct
import sys

VERSION = 3
ROOT = bytes(range(32))

VECTORS = [
    ("ssid", ["0012345678"]),
    ("ssid", ["1234567890"]),
    ("first_name,last_name,birth_date", ["JOSE", "NUNEZ", "2008-02-29"]),
    ("first_name,last_name,birth_date", ["JOSEN", "UNEZ", "2008-02-29"]),
    ("name", ["ИВАНОВ"]),
    ("name", ["ΠΑΠΑΔΟΠΟΥΛΟΣ"]),
    ("name", ["陳大文"]),
    ("name", ["परिया"]),
    ("name", ["משה"]),
    ("name", ["محمد"]),
    ("name", ["สมชาย"]),
    ("name", ["ԱՆԻ"]),
    ("name", ["X" * 200]),
    ("college#0:ssid", ["0012345678"]),
]


def lp(part: bytes) -> bytes:
    return struct.pack(">Q", len(part)) + part


def hkdf(use: str, domain: str) -> bytes:
    extracted = hmac.new(bytes(32), ROOT, hashlib.sha256).digest()
    info = lp(use.encode()) + lp(domain.encode())
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def vector(use: str, domain: str, values: list[str]) -> str:
    message = lp(domain.encode()) + lp(struct.pack(">I", VERSION)) + b"".join(lp(value.encode()) for value in values)
    return hmac.new(hkdf(use, domain), message, hashlib.sha256).hexdigest()[:32]


def main() -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    for use in ("pseudonym", "link"):
        for domain, values in VECTORS:
            print(use, domain, json.dumps(values, ensure_ascii=False), vector(use, domain, values), sep="\t")


if __name__ == "__main__":
    main()
