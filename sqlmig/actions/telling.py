"""What programs are told of a run, where the configuration names some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlmig.actions.workplace import Workplace
from sqlmig.events import Event, Warned
from sqlmig.results import RunResult


def told(place: Workplace, command: str, act: Callable[[Workplace], RunResult]) -> RunResult:
    """What ``act`` returns or raises; its events go to the listener, and to the programs of ``on_event``.

    What goes wrong with those is a warning, and changes nothing else.
    """
    environment = place.environment
    if not environment.on_event:
        return act(place)
    from sqlmig.programs import Programs

    facts = {"command": command, "environment": environment.name}
    programs = Programs(environment.on_event, environment.root, facts, environment.secrets)

    def listen(event: Event) -> None:
        programs(event)
        place.listener(event)

    try:
        result = act(replace(place, listener=listen))
    except BaseException as error:
        for problem in programs.finish(error):
            place.listener(Warned(problem))
        raise
    problems = programs.finish(None)
    for problem in problems:
        place.listener(Warned(problem))
    return replace(result, warnings=(*result.warnings, *problems))
