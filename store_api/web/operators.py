"""What operators and their tools ask: whether the process runs, whether it can do its work, its figures."""

from dataclasses import dataclass

from sanic import Blueprint, HTTPResponse, Request

from store_api.contract.problems import not_ready
from store_api.contract.schemas import Health
from store_api.telemetry.metrics import CONTENT_TYPE, Metrics
from store_api.telemetry.readiness import Readiness
from store_api.web.error_handler import path_of, problem_response
from store_api.web.fast_path import WholeAnswer
from store_api.web.routes import Guard, add_guarded, json_answer


@dataclass(frozen=True, slots=True)
class Operators:
    """What these routes need: whether we are ready, and what was counted."""

    readiness: Readiness
    metrics: Metrics

    async def live(self, request: Request) -> HTTPResponse:
        """`GET /health/live`."""
        return json_answer(Health("live"))

    async def ready(self, request: Request) -> HTTPResponse:
        """`GET /health/ready`."""
        state = self.readiness.state()
        if state.ready:
            return json_answer(Health("ready"))
        problem = not_ready(
            path_of(request),
            primary_reachable=state.primary_reachable,
            change_stream_alive=state.change_stream_alive,
            stopping=state.stopping,
        )
        return problem_response(problem)

    async def figures(self, request: Request) -> HTTPResponse:
        """`GET /metrics`."""
        return WholeAnswer(self.metrics.text(), CONTENT_TYPE)

    def blueprint(self, guard: Guard) -> Blueprint:
        """Lay out the routes.

        Args:
            guard: puts the gate before a handler.
        """
        routes = Blueprint("operators")
        add_guarded(routes, guard, "live", "GET /health/live", self.live)
        add_guarded(routes, guard, "ready", "GET /health/ready", self.ready)
        add_guarded(routes, guard, "metrics", "GET /metrics", self.figures)
        return routes
