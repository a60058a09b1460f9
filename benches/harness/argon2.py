"""Hashes passwords with Debian's libargon2, from as many threads as asked."""

import ctypes
import sys
import threading
import time

from harness import accounts

# As conf/authgate.toml has it by default.
MEMORY_KIB, ITERATIONS, PARALLELISM = 19_456, 2, 1
SALT, DIGEST = b"authgate-benches", 32


def load_library():
    """The function that hashes, or the end of the run if it is not installed."""
    try:
        library = ctypes.CDLL("libargon2.so.1")
    except OSError:
        sys.exit("missing: libargon2. Run benches/setup, or: sudo apt-get install -y libargon2-1")
    hash_raw = library.argon2id_hash_raw
    number, size, text = ctypes.c_uint32, ctypes.c_size_t, ctypes.c_char_p
    hash_raw.argtypes = [number, number, number, text, size, text, size, text, size]
    return hash_raw


def hashes_per_second(hash_raw, threads, seconds):
    """How many hashes all threads make together. ctypes lets go of Python's lock meanwhile."""
    rates = []

    def work():
        digest = ctypes.create_string_buffer(DIGEST)
        password = accounts.PASSWORD.encode()
        count, start = 0, time.monotonic()
        while (took := time.monotonic() - start) < seconds:
            fault = hash_raw(ITERATIONS, MEMORY_KIB, PARALLELISM, password, len(password), SALT, len(SALT),
                             digest, DIGEST)
            if fault:
                return
            count += 1
        rates.append(count / took)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if len(rates) < threads:
        sys.exit("libargon2 refuses to hash")
    return sum(rates)
