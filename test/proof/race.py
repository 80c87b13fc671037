"""Starts a command through the shim, again and again, and sends each start one signal at another moment.

    python3 race.py '{"argv": [...], "signals": ["TERM", ...], "count": 50, "first": false, ...}'

The command traps the signal: `exit 77`. Else it says "ready", waits for a line, and exits with 0. Prints a list of
{"signal", "delay", "before", "after", "end"}: `before` and `after` are who had the pid just before and after the
signal was sent: "node" (no listeners yet, or not even node), "shim" (all listeners there), "command", "gone"; `end` is the wait status
as "exit N" or "signal N". With `first`, each start is process 1 of a pid namespace of its own.
"""

import ctypes, json, os, resource, signal, sys, time

spec = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWPID = 0x20000000
CLONE_NEWNS = 0x00020000
MS_REC = 16384
MS_PRIVATE = 1 << 18
own = os.open("/proc/self/ns/pid", os.O_RDONLY)
environment = spec["env"]
LAST_LISTENER = 1 << (signal.SIGXFSZ - 1)  # the last of those that the shim puts on


# Not a shell: one that gets a signal just before it reads forgets its trap until it is asked for more.
SCRIPT = "$SIG{%s} = sub { exit 77 }; $| = 1; print qq(ready\\n); <STDIN>; exit 0"


def own_proc():
    """As in a container, where /proc/self is the process itself."""
    if (
        libc.unshare(CLONE_NEWNS) != 0
        or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0
        or libc.mount(b"proc", b"/proc", b"proc", 0, None) != 0
    ):
        os._exit(98)


def start(name):
    argv = spec["argv"] + ["perl", "-e", SCRIPT % name]
    ours_in, theirs_out = os.pipe()
    theirs_in, ours_out = os.pipe()
    if spec["first"]:
        if libc.setns(own, CLONE_NEWPID) != 0 or libc.unshare(CLONE_NEWPID) != 0:
            sys.exit("can't make a pid namespace: " + os.strerror(ctypes.get_errno()))
    pid = os.fork()
    if pid == 0:
        try:
            if spec["first"]:
                own_proc()
            # Where a core can be dumped the shim keeps a listener for the signals that dump one.
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
            os.dup2(theirs_in, 0)
            os.dup2(theirs_out, 1)
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
            os.chdir(spec["cwd"])
            os.execve(argv[0], argv, environment)
        finally:
            os._exit(99)
    os.close(theirs_in)
    os.close(theirs_out)
    return pid, ours_in, ours_out


def holder(pid):
    try:
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
        if not program.startswith("node"):
            return "command" if program.startswith("perl") else "node"
        with open(f"/proc/{pid}/status") as file:
            caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt"))
        return "shim" if caught & LAST_LISTENER else "node"
    except (OSError, StopIteration):
        return "gone"


def finish(pid, ours_in, ours_out):
    """Answers the command's "ready", if it comes; how it ended."""
    os.read(ours_in, 16)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        os.write(ours_out, b"\n")
    except OSError:
        pass
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _, status = os.waitpid(pid, 0)
    os.close(ours_in)
    os.close(ours_out)
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"


def one(name, delay):
    number = getattr(signal, "SIG" + name)
    began = time.monotonic()
    pid, ours_in, ours_out = start(name)
    left = delay - (time.monotonic() - began)
    if left > 0:
        time.sleep(left)
    before = holder(pid)
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    after = holder(pid)
    return {"signal": name, "delay": delay, "before": before, "after": after, "end": finish(pid, ours_in, ours_out)}


def duration():
    began = time.monotonic()
    pid, ours_in, ours_out = start("TERM")
    os.read(ours_in, 16)
    took = time.monotonic() - began
    os.write(ours_out, b"\n")
    os.waitpid(pid, 0)
    os.close(ours_in)
    os.close(ours_out)
    return took


# As a program that nobody has prepared: what we were started with, and what Python does, is not for the child.
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_DFL)
usual = sorted(duration() for _ in range(7))[3]
results = []
for at in range(spec["count"]):
    for name in spec["signals"]:
        # Each start another moment, over the whole of it and a little beyond.
        results.append(one(name, usual * (spec["from"] + (spec["to"] - spec["from"]) * at / spec["count"])))
print(json.dumps({"usual": usual, "results": results}))
