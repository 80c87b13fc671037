"""Starts a program under conditions that Node can't set for its children, and tells how it ended.

    python3 launch.py '{"argv": [...], "env": ["NAME=value"], "stdio": "pipe", ...}'

Prints {"pid", "ppid", "pgrp", "session", "status", "signal", "memory", "output", "after"}. The environment is given string by
string, in latin1, and reaches the program as it is: order, doubles, bytes that are no text.
"""

import base64, ctypes, fcntl, json, os, pty, resource, signal, socket, sys, termios, threading, tty

spec = json.loads(sys.argv[1])
stdio = spec.get("stdio", "pipe")
ours = []  # what we read from
inherited = [None, None, None]


def keep(fd):
    """A descriptor out of the way of the numbers that the program gets."""
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)
    os.close(fd)
    return high


terminal = None
if stdio == "pipe":
    r, w = os.pipe()
    r2, w2 = os.pipe()
    r3, w3 = os.pipe()
    inherited = [keep(r), keep(w2), keep(w3)]
    os.write(w, b"unread input\n")
    os.close(w)
    ours = [keep(r2), keep(r3)]
elif stdio == "socket":
    pairs = [socket.socketpair() for _ in range(3)]
    inherited = [keep(b.detach()) for _, b in pairs]
    pairs[0][0].send(b"unread input\n")
    ours = [keep(a.detach()) for a, _ in pairs]
elif stdio == "tty":
    master, slave = pty.openpty()
    attributes = termios.tcgetattr(slave)
    attributes[3] &= ~termios.ECHO  # unlike any default, so that a reset would show
    attributes[6][termios.VMIN] = 7
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    if spec.get("raw"):
        tty.setraw(slave)
    terminal = keep(slave)
    inherited = [terminal] * 3
    ours = [keep(master)]
elif stdio == "file":
    path = spec["file"]
    with open(path, "wb") as file:
        file.write(b"0123456789" * 10)
    first = os.open(path, os.O_RDWR | os.O_APPEND)
    os.lseek(first, 7, os.SEEK_SET)
    second = os.open(path, os.O_WRONLY)
    os.lseek(second, 50, os.SEEK_SET)
    inherited = [keep(first), keep(second), keep(os.open("/dev/null", os.O_RDWR))]
elif stdio == "nonblock":
    r, w = os.pipe2(os.O_NONBLOCK)
    r2, w2 = os.pipe2(os.O_NONBLOCK)
    inherited = [keep(r), keep(w2), keep(os.open("/dev/null", os.O_WRONLY))]
    ours = [keep(r2)]
    os.close(w)
    os.set_blocking(ours[0], True)
elif stdio == "null":
    inherited = [keep(os.open("/dev/null", os.O_RDWR)) for _ in range(3)]
closed = spec.get("closed", [])

environment = [entry.encode("latin1") for entry in spec["env"]]
argv = [word.encode("latin1") for word in spec["argv"]]
libc = ctypes.CDLL(None, use_errno=True)


def strings(words):
    return (ctypes.c_char_p * (len(words) + 1))(*words, None)


child = os.fork()
if child == 0:
    try:
        if spec.get("group") == "own":
            os.setpgid(0, 0)
        elif spec.get("group") == "session" or terminal is not None:
            os.setsid()
            if terminal is not None:
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for number, fd in enumerate(inherited):
            if fd is not None and number not in closed:
                os.dup2(fd, number)
        for number in closed:
            os.close(number)
        # What we were started with ourselves is none of the program's.
        for number in map(int, os.listdir("/proc/self/fd")):
            if number > 2:
                try:
                    os.set_inheritable(number, False)
                except OSError:  # the descriptor that listed them
                    pass
        for number in spec.get("extra", []):
            os.dup2(keep(os.open("/etc/passwd", os.O_RDONLY)), number)
        os.chdir(spec["cwd"])
        os.umask(spec.get("umask", 0o022))
        if "nice" in spec:
            os.nice(spec["nice"])
        if "affinity" in spec:
            os.sched_setaffinity(0, spec["affinity"])
        if "idle" in spec:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        if "oom" in spec:
            with open("/proc/self/oom_score_adj", "w") as file:
                file.write(str(spec["oom"]))
        for name in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores both
            signal.signal(name, signal.SIG_DFL)
        for name in spec.get("ignore", []):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        if spec.get("block"):
            signal.pthread_sigmask(signal.SIG_BLOCK, [getattr(signal, name) for name in spec["block"]])
        for name, (soft, hard) in spec.get("limits", {}).items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))
        libc.execve(spec["program"].encode("latin1"), strings(argv), strings(environment))
    finally:
        os._exit(99)

group, session = os.getpgid(child), os.getsid(child)
for fd in {fd for fd in inherited if fd is not None and fd != terminal}:
    os.close(fd)
output = [b""] * len(ours)


def drain(at):
    try:
        while chunk := os.read(ours[at], 65536):
            output[at] += chunk
    except OSError:  # a terminal's other side went away
        pass


threads = [threading.Thread(target=drain, args=(at,)) for at in range(len(ours))]
for thread in threads:
    thread.daemon = True
    thread.start()
_, status, usage = os.wait4(child, 0)
after = termios.tcgetattr(terminal)[:4] if terminal is not None else None
if terminal is not None:
    os.close(terminal)
for thread in threads:
    thread.join(5)
print(
    json.dumps(
        {
            "pid": child,
            "ppid": os.getpid(),
            "pgrp": os.getpgrp(),
            "session": os.getsid(0),
            "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None,
            "memory": usage.ru_maxrss * 1024,
            "output": base64.b64encode(b"|".join(output)).decode(),
            "after": after,
        }
    )
)
