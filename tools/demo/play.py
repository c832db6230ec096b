"""What goes on at once while requests are sent: load, watches, view, and a look whether the programs still run."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rich.console import Console

from building import ToolsError
from demo.history import History
from demo.load import Player, open_client
from demo.measures import Measures
from demo.picking import Outstanding
from demo.picture import Picture
from demo.programs import Program
from demo.scenario import ABOUT, PARTS
from demo.stage import Stage
from demo.trace import Arrival, tokens_per_second
from demo.view import CURVE_COLUMNS, LEGEND, Scene, clock, screen
from demo.watching import Pods, connected, watch_pods, watch_services

FIRST_PODS_SECONDS = 90.0
DOWN_SECONDS = 120.0
"""The way down takes until demand is known to have gone, its stabilization window and what the last pods finish; after
this it is not waited for."""

LOOK_SECONDS = 0.5

Task = asyncio.Task[None]


class Play:
    """Plays the timelines of all parts, once."""

    def __init__(
        self,
        timelines: Mapping[str, Sequence[Arrival]],
        load_seconds: float,
        console: Console,
        picture: Picture,
    ) -> None:
        """Prepare.

        Args:
            timelines: The requests of each part, by its name.
            load_seconds: How long they take.
            console: Where to show what happens.
            picture: What is to see the view once.
        """
        names = tuple(part.name for part in PARTS)
        self.measures = {name: Measures() for name in names}
        self.history = History(names, self._elapsed_seconds)
        self._timelines = timelines
        self._picture = picture
        self._load_seconds = load_seconds
        self._console = console
        self._pods = Pods(PARTS)
        self._curve = tokens_per_second(timelines[names[0]], seconds=load_seconds, columns=CURVE_COLUMNS)
        self._began: float | None = None

    async def run(self, stage: Stage, programs: Sequence[Program], lap: Callable[[str], float]) -> None:
        """Wait for pods, send the requests, wait for the way down.

        Args:
            stage: With its cluster set up.
            programs: What must run all the while.
            lap: Called at the end of each phase with its name; gives its length in seconds.

        Raises:
            ToolsError: A program ended, or pods did not become ready.
        """
        self._pods.arrives = stage.arrives
        async with (
            connected(stage.kubeconfig) as api,
            _running(watch_pods(api, self._pods.see), watch_services(api, self.history.see)) as watches,
            open_client() as client,
        ):
            outstanding = Outstanding()
            players = [
                Player(part, self._pods, stage.url, client, self.measures[part.name], outstanding) for part in PARTS
            ]
            async with _running(*(player.reach() for player in players)) as reaches:
                waited = await self._until(
                    lambda: self._is_ready(reaches), FIRST_PODS_SECONDS, programs, [*watches, *reaches]
                )
            if not waited:
                waited_seconds = f"{FIRST_PODS_SECONDS:.0f} s"
                raise ToolsError(f"not every service answered within {waited_seconds}; {stage.tail()}")
            self._say(f"  every service has a ready pod after {lap('pods'):.0f} s more")
            self._say(f"\nReplaying a production trace for {clock(self._load_seconds)}: {ABOUT}")
            self._say(LEGEND)
            self._say("")
            await self._play(players, programs, watches)
            lap("load and the way down")

    async def _play(self, players: Sequence[Player], programs: Sequence[Program], watches: Sequence[Task]) -> None:
        self._began = time.monotonic()
        async with _running(*(player.play(self._timelines[player.part.name]) for player in players)) as plays:
            with screen(self._console) as draw:
                await self._until(
                    lambda: self._is_over(plays),
                    self._load_seconds + DOWN_SECONDS,
                    programs,
                    [*watches, *plays],
                    lambda: self._show(draw),
                )

    async def _until(
        self,
        is_true: Callable[[], bool],
        limit_seconds: float,
        programs: Sequence[Program],
        tasks: Sequence[Task],
        draw: Callable[[], None] = lambda: None,
    ) -> bool:
        """Wait until something is true, drawing; gives False if it did not become true in time."""
        deadline = time.monotonic() + limit_seconds
        while not is_true():
            for program in programs:
                program.check()
            for task in tasks:
                if task.done():
                    task.result()  # Raises what ended it. A load ends by itself, too.
            if time.monotonic() > deadline:
                return False
            draw()
            await asyncio.sleep(LOOK_SECONDS)
        draw()
        return True

    def _is_ready(self, reaches: Sequence[Task]) -> bool:
        return all(task.done() for task in reaches) and all(self.history.services[part.name].status for part in PARTS)

    def _is_over(self, plays: Sequence[Task]) -> bool:
        """All requests are answered, and what may shrink has shrunk."""
        shrunk = [self.history.services[part.name] for part in PARTS if part.touched]
        return all(play.done() for play in plays) and all(
            service.desired == service.ready == service.there == min(service.sizes) for service in shrunk
        )

    def _elapsed_seconds(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    def _show(self, draw: Callable[[Scene], None]) -> None:
        scene = self._scene()
        draw(scene)
        self._picture.see(scene)

    def _scene(self) -> Scene:
        return Scene(
            history=self.history,
            measures=self.measures,
            curve=self._curve,
            load_seconds=self._load_seconds,
            now=self._elapsed_seconds(),
            clock=asyncio.get_running_loop().time(),
        )

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


@asynccontextmanager
async def _running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[list[Task]]:
    """Run coroutines side by side for the length of a block; they are cancelled at its end."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
