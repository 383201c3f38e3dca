"""The programs of the executors' experiment: one function for either executor, and tasks that fail in every way."""

from __future__ import annotations

SAID = (
    "submit 49, map [9, 1, 4], completed [16, 25], chunks [0, 1, 4, 9], ValueError: 3 is refused, "
    "called back, waited, RuntimeError once shut down"
)
"""What both executors should say."""

GOES_ON = "next 81"

INTERFACE = '''
import json, multiprocessing, os, sys, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed, wait

number = 10

def square(x):
    return x * x

def refuse(x):
    raise ValueError(f"{x} is refused")

def nap(x):
    time.sleep(0.005)
    return os.getpid(), threading.get_ident()

def change():
    global number
    number += 5

def use(executor):
    """Everything that an executor has, through one path for either kind; what it came to, in words."""
    said, called = [], []
    with executor:
        found = differ(executor)
        said.append(f"submit {executor.submit(square, 7).result()}")
        said.append(f"map {list(executor.map(square, [3, 1, 2]))}")
        squares = [executor.submit(square, x) for x in (4, 5)]
        said.append(f"completed {sorted(future.result() for future in as_completed(squares))}")
        said.append(f"chunks {list(executor.map(square, range(4), chunksize=2))}")
        error = executor.submit(refuse, 3).exception()
        said.append(f"{type(error).__name__}: {error}")
        future = executor.submit(square, 2)
        future.add_done_callback(called.append)
        done, waiting = wait([future])
    said.append("called back" if called == [future] else "not called")
    said.append("waited" if future in done and not waiting else "not waited")
    try:
        executor.submit(square, 1)
    except RuntimeError:
        said.append("RuntimeError once shut down")
    return {"said": ", ".join(said), **found}

def differ(executor):
    """What may differ: a lambda, the workers that a chunk uses, a global that a task changes."""
    used = len(set(executor.map(nap, range(4), chunksize=4)))
    executor.submit(change).result()
    return {
        "lambda": try_lambda(executor),
        "chunk": f"{used} worker{'s' if used > 1 else ''}",
        "change": "seen" if number == 15 else "not seen",
    }

def try_lambda(executor):
    try:
        return "done" if executor.submit(lambda: 7).result() == 7 else "wrong"
    except Exception:  # that it cannot be pickled, by a type and in words that differ between versions
        return "an error"

if __name__ == "__main__":
    if "KIND" == "ThreadPoolExecutor":
        executor = ThreadPoolExecutor(2)
    else:
        executor = ProcessPoolExecutor(2, multiprocessing.get_context("METHOD"))
    print(json.dumps(use(executor)))
'''

CREW = '''
import json, multiprocessing, os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor

PATIENCE, MOMENT = 5, 0.25

def square(x):
    return x * x

def refuse(x):
    raise ValueError(f"{x} is refused")

def unpicklable(x):
    return lambda: x

def die(x):
    time.sleep(0.02)  # until the tasks behind it are waiting
    os.kill(os.getpid(), signal.SIGKILL)

class Pool:
    """A Pool of one worker, with the words of an executor."""

    def __init__(self):
        self.pool = multiprocessing.get_context("METHOD").Pool(1)

    def submit(self, function, *arguments):
        return self.pool.apply_async(function, arguments)

    def result(self, task, patience=PATIENCE):
        return task.get(patience)

    def shutdown(self):
        self.pool.close()
        self.pool.join()

    def abandon(self):
        self.pool.terminate()
        self.pool.join()

class Executor:
    """A ProcessPoolExecutor of one worker."""

    def __init__(self):
        self.executor = ProcessPoolExecutor(1, multiprocessing.get_context("METHOD"))

    def submit(self, function, *arguments):
        return self.executor.submit(function, *arguments)

    def result(self, task, patience=PATIENCE):
        return task.result(patience)

    def shutdown(self):
        self.executor.shutdown()

    abandon = shutdown

def put(crew, *task):
    """The submitted task, or the exception by which a broken crew refuses it."""
    try:
        return crew.submit(*task)
    except Exception as at_once:
        return at_once

def fate(crew, task, patience=PATIENCE):
    """What a task came to: its result, an exception, or no answer in time."""
    if isinstance(task, Exception):
        return task
    try:
        return crew.result(task, patience)
    except (multiprocessing.TimeoutError, TimeoutError):
        return "no answer"
    except Exception as error:
        return error

def word(found):
    """An exception by its type, a result as done."""
    return type(found).__name__ if isinstance(found, Exception) else found if isinstance(found, str) else "done"

def make():
    return Pool() if "KIND" == "Pool" else Executor()
'''

FAIL = (
    CREW
    + '''
def attempt(crew, *task):
    """What a failing task came to, and the next one."""
    error = fate(crew, put(crew, *task))
    if isinstance(error, ValueError):
        error = f"{type(error).__name__}: {error}"
    elif isinstance(error, Exception):
        error = "an error"
    return f"{error}; next {fate(crew, put(crew, square, 9))}"

def lose(crew):
    """A task kills its worker while two others wait behind it."""
    lost, *behind = [put(crew, die, 0), put(crew, square, 2), put(crew, square, 3)]
    after = [fate(crew, one) for one in behind]
    # Tasks are begun in order: once those behind have been done, the first is either answered or lost.
    killed = fate(crew, lost, 0.05 if after == [4, 9] else PATIENCE)
    return word(killed), ", ".join(map(word, after))

if __name__ == "__main__":
    crew = make()
    found = {
        "raised": attempt(crew, refuse, 3),
        "argument": attempt(crew, lambda: 0),
        "result": attempt(crew, unpicklable, 0),
    }
    found["killed"], found["queued"] = lose(crew)
    crew.abandon()
    print(json.dumps(found))
'''
)
"""A task of each failing kind after the other, the one that kills its worker last."""

ENDS = (
    CREW
    + '''
import threading

def attempt(function):
    """Whether it returns within a moment, on a thread that nobody waits for."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(MOMENT)
    return "hangs" if thread.is_alive() else "ends"

if __name__ == "__main__":
    first = make()
    lost = put(first, die, 0)
    fate(first, put(first, square, 2))
    found = {"shut": attempt(first.shutdown)}

    before = {child.pid for child in multiprocessing.active_children()}
    second = make()
    second.result(second.submit(square, 2))
    (worker,) = {child.pid for child in multiprocessing.active_children()} - before
    os.kill(worker, signal.SIGKILL)
    found["idle"] = word(fate(second, put(second, square, 3), MOMENT))
    found["abandon"] = attempt(second.abandon)
    print(json.dumps(found), flush=True)
    os._exit(0)  # what hangs would be waited for
'''
)
"""Closing after a loss; and a worker killed while it waits for a task, and with it the lock that it waits behind."""
