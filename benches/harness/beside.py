"""Something that goes on in another process, so that it and the measuring disturb each other less."""

import multiprocessing
import signal


class Beside:
    """Works until the `with` block ends; then `seen` is what the work has sent, if it has.

    The work is called with the arguments, where to send what it has seen, and an event that is set at
    the end.
    """

    def __init__(self, work, *arguments, patience):
        self.seen, self.patience = {}, patience
        self.end = multiprocessing.Event()
        self.results, theirs = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=undisturbed, args=(work, *arguments, theirs, self.end), daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, kind, *_):
        self.end.set()
        if not kind and self.results.poll(self.patience):
            self.seen = self.results.recv()
        self.process.join(timeout=1)
        self.process.kill()


def undisturbed(work, *arguments):
    """What the other process does. Ctrl-C is for the parent, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work(*arguments)
