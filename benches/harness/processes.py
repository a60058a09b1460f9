"""Starts the programs of a benchmark, reads what they cost, and ends them, whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time

from harness import places

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
READY_WITHIN = 30  # seconds
TRIES = 3  # at a quiet slice


class Stage:
    """Programs that run together. Leaving the `with` block ends them all, also on Ctrl-C.

    They are killed, not asked: nothing of theirs is worth keeping, and some take minutes to drain.
    """

    def __init__(self):
        self.programs = []

    def __enter__(self):
        places.RUN.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.kill()

    def start(self, name, command, core=None, port=None):
        """Starts a program in places.RUN, on one core if `core` is given; waits for its port."""
        # What was killed a moment ago may have children that go later.
        end = time.monotonic() + READY_WITHIN
        while port and is_open(port):
            if time.monotonic() > end:
                sys.exit(f"port {port} is taken: does another benchmark run?")
            time.sleep(0.05)
        program = Program(name, command, core)
        self.programs.append(program)
        if port:
            program.wait_for(port)
        return program


class Program:
    """A program that runs, with its children."""

    def __init__(self, name, command, core):
        self.name = name
        self.log = places.RUN / f"{name}.log"
        pinned = ["taskset", "-c", core] if core else []
        with open(self.log, "wb") as log:
            # A session of its own, so that Ctrl-C reaches this script first and kill() all of it.
            self.process = subprocess.Popen(
                [*pinned, *map(str, command)],
                cwd=places.RUN, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def kill(self):
        """Ends the program and its children, and waits for that."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def wait_for(self, port):
        """Waits until somebody listens on the port, and ends the run if the program ends first."""
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            if is_open(port):
                return
            time.sleep(0.02)
        sys.exit(f"{self.name} did not start; the end of {self.log}:\n{self.log.read_text()[-2000:]}")

    def cpu_seconds(self):
        """User and system time so far, of all threads and of children that live; in steps of 10 ms."""
        ticks = 0
        for pid in self.pids():
            stat = read(f"/proc/{pid}/stat").rsplit(")", 1)[-1].split()
            if stat:
                ticks += int(stat[11]) + int(stat[12])
        return ticks / TICKS_PER_SECOND

    def memory_mb(self):
        """Proportional set size: memory that children share counts once."""
        lines = [line.split() for pid in self.pids() for line in read(f"/proc/{pid}/smaps_rollup").splitlines()]
        return sum(int(words[1]) for words in lines if words[0] == "Pss:") / 1024

    def resident_bytes(self, field="VmRSS"):
        """Resident memory of the program itself: VmRSS, or RssAnon for the part that is no file."""
        lines = [line.split() for line in read(f"/proc/{self.process.pid}/status").splitlines()]
        return next(int(words[1]) * 1024 for words in lines if words[0] == f"{field}:")

    def forget_peak(self):
        """Lets VmHWM, the peak of resident memory, begin again at what is resident now."""
        with open(f"/proc/{self.process.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def pids(self):
        """The program's process and its children's, at any depth."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for task in list_folder(f"/proc/{pid}/task"):
                left += map(int, read(f"/proc/{pid}/task/{task}/children").split())
        return found


class CpuMeter:
    """What programs, and everybody else on this machine, use between two moments."""

    def __init__(self, programs):
        self.programs = programs
        self.started = time.monotonic()
        self.before = {program: program.cpu_seconds() for program in programs}
        self.busy_before, self.own_before = busy_cores_seconds(), own_cpu_seconds()

    def stop(self):
        """CPU seconds of each program, and how many cores were busy with what is not ours."""
        used = {program: program.cpu_seconds() - before for program, before in self.before.items()}
        ours = sum(used.values()) + own_cpu_seconds() - self.own_before
        busy = busy_cores_seconds() - self.busy_before
        return used, max(0.0, busy - ours) / (time.monotonic() - self.started)


def quietest(measure, quiet):
    """A slice, or the quietest of several if others used more cores than `quiet` meanwhile."""
    tried = []
    while not tried or (tried[-1]["others"] > quiet and len(tried) < TRIES):
        tried.append(measure())
    return min(tried, key=lambda slice: slice["others"])


def is_open(port):
    """Whether somebody listens on a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def busy_cores_seconds():
    """For how long cores have been busy, those of neighbours of this virtual machine included."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, read("/proc/stat").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND


def own_cpu_seconds():
    """What this script and the load generators that it has waited for have used."""
    return sum(os.times()[:4])


def read(path):
    """A file of /proc, or nothing: processes end while one reads."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def list_folder(path):
    """The names in a folder of /proc, or none: processes end while one reads."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, ProcessLookupError):
        return []
