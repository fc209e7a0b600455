"""How both programs are asked and how they answer: the command line, seeds in processes, the clock, and the line of JSON at the end."""

import argparse
import json
import multiprocessing
import os
import resource
import time

from recipe import MAZE, Recipe


def parse(description: str, threads: int, at_once: int) -> argparse.Namespace:
    """The command line. `threads` and `at_once` are the program's best settings, and its defaults."""
    recipe = Recipe()
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--arm", choices=["naive", "oracle", "route"], default=recipe.arm)
    parser.add_argument("--modules", type=int, help="modules of the arm route", default=2)
    parser.add_argument("--size", type=int, help="cells on each side of the map", default=recipe.size)
    parser.add_argument("--maze", action="store_true", help="mazes of 13x13 cells, seen through convolutions; without --size")
    parser.add_argument("--width", type=int, help="units of each hidden layer", default=recipe.width)
    parser.add_argument("--coverage", type=float, help="probability that an object's cell is marked", default=recipe.coverage)
    parser.add_argument("--updates", type=int, help="updates of each training", default=recipe.updates)
    parser.add_argument("--warm-up", type=int, help="updates before the clock starts, thrown away", default=4)
    parser.add_argument("--seeds", type=int, help="trainings, seeds 0 and up", default=1)
    parser.add_argument("--processes", type=int, help="processes that the seeds are dealt to", default=1)
    parser.add_argument("--at-once", type=int, help="seeds of a process that train as one program", default=at_once)
    parser.add_argument("--threads", type=int, help="threads of a process", default=threads)
    parser.add_argument("--pin", action="store_true", help="hold each process to a core of its own")
    parser.add_argument("--curve", type=int, help="exact evaluations of each training, off the clock", default=0)
    return parser.parse_args()


def recipe_of(options: argparse.Namespace, updates: int) -> Recipe:
    world = MAZE if options.maze else {"size": options.size}
    return Recipe(
        arm=options.arm,
        modules=options.modules if options.arm == "route" else 1,
        width=options.width,
        coverage=options.coverage,
        updates=updates,
        **world,
    )


def run(program: str, options: argparse.Namespace, train) -> None:
    """
    Train all seeds and print one line about it.

    `train(recipe, seeds, options)` trains these seeds as one program and returns the seconds that it took without compilation and
    evaluations, and for each seed its curve: a list of [environment steps, exact true return].
    """
    # Each process compiles and warms up, waits for the others, and trains its seeds, `at_once` of them at a time.
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(options.processes)
    results = context.Queue()
    seeds = range(options.seeds)
    dealt = [list(seeds[p :: options.processes]) for p in range(options.processes)]
    processes = [context.Process(target=_work, args=(train, options, own, ready, results)) for own in dealt]
    cores = sorted(os.sched_getaffinity(0)) if options.pin else []
    for p, process in enumerate(processes):
        if options.pin:
            # A process and its threads inherit this.
            os.sched_setaffinity(0, {cores[p % len(cores)]})
        process.start()
    answers = [results.get() for _ in processes]
    for process in processes:
        process.join()

    recipe = recipe_of(options, options.updates)
    steps = options.seeds * recipe.rows * recipe.updates
    seconds = max(answer["seconds"] for answer in answers)
    curves = {seed: curve for answer in answers for seed, curve in answer["curves"]}
    line = {
        "program": program,
        "seconds": seconds,
        "startSeconds": max(answer["startSeconds"] for answer in answers),
        "stepsPerSecond": steps / seconds,
        "samplesPerSecond": recipe.epochs * steps / seconds,
        "peakMemoryMiB": sum(answer["peakMemoryMiB"] for answer in answers),
        "curves": [curves[seed] for seed in seeds],
    }
    print(json.dumps(line), flush=True)


def _work(train, options: argparse.Namespace, seeds: list[int], ready, results) -> None:
    groups = [seeds[i : i + options.at_once] for i in range(0, len(seeds), options.at_once)]
    begin = time.perf_counter()
    warm_up = argparse.Namespace(**{**vars(options), "curve": 0})
    train(recipe_of(options, options.warm_up), groups[0], warm_up)
    start_seconds = time.perf_counter() - begin
    ready.wait()
    seconds, curves = 0.0, []
    for group in groups:
        took, found = train(recipe_of(options, options.updates), group, options)
        curves += zip(group, found)
        seconds += took
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    results.put({"seconds": seconds, "startSeconds": start_seconds, "peakMemoryMiB": memory, "curves": curves})


def set_before_import(**environment: str) -> None:
    """Settings that a library reads when it is loaded; the processes inherit them."""
    os.environ.update(environment)
