# People who sign in as a browser does, join a room and say something every second. Locust's table gets a row for the
# sign-in, for opening the WebSocket, for each kind of request, and for the way of one's own message to the room and back.
#
#   HUBBUB_TOKEN  connect by this token and not by the cookie of a sign-in
#   HUBBUB_ROOMS  over how many rooms people are spread (5)
import itertools
import json
import os
import time
import uuid

import gevent
import websocket
from gevent.event import AsyncResult
from locust import HttpUser, constant_pacing, task

TOKEN = os.environ.get("HUBBUB_TOKEN")
ROOMS = int(os.environ.get("HUBBUB_ROOMS", "5"))
# How long a reply may take, in seconds.
PATIENCE = 10
PEOPLE = itertools.count()


class Refused(Exception):
    """The server said no, or nothing."""


class Person(HttpUser):
    host = "http://127.0.0.1:8080"
    # A user of the server may send 20 messages in 10 seconds, unless it says otherwise.
    wait_time = constant_pacing(1)

    def on_start(self):
        self.room = f"load-{next(PEOPLE) % ROOMS + 1}"
        self.ids = itertools.count(1)
        self.replies = {}
        self.said = {}
        headers = {} if TOKEN else self.sign_in()
        url = self.host.replace("http", "ws", 1) + "/ws" + (f"?token={TOKEN}" if TOKEN else "")
        # A cookie alone opens no WebSocket: a browser names its page, too.
        open_socket = lambda: websocket.create_connection(url, timeout=PATIENCE, origin=self.host, **headers)
        self.socket = self.timed("open", open_socket)
        self.socket.settimeout(None)
        self.reader = gevent.spawn(self.hear)
        self.timed("join", lambda: self.ask("joined", type="join", room=self.room))

    def on_stop(self):
        if hasattr(self, "reader"):
            self.reader.kill()
            self.socket.close()

    def sign_in(self):
        name = f"Load {uuid.uuid4().hex[:8]}"
        with self.client.post("/api/v1/session", json={"name": name}, catch_response=True) as answer:
            if answer.status_code != 201:
                answer.failure(f"status {answer.status_code}")
                raise Refused("sign-in")
        return {"cookie": "; ".join(f"{key}={value}" for key, value in self.client.cookies.items())}

    @task
    def say(self):
        key = uuid.uuid4().hex
        self.said[key] = time.perf_counter()
        self.timed("send to ack", lambda: self.ask("ack", type="send", room=self.room, key=key, text="Good morning"))

    def ask(self, expected, **frame):
        frame["id"] = next(self.ids)
        reply = self.replies[frame["id"]] = AsyncResult()
        self.socket.send(json.dumps(frame))
        answer = reply.get(timeout=PATIENCE)
        if answer["type"] != expected:
            raise Refused(answer.get("code", answer["type"]))

    def hear(self):
        # An empty text is the end of the connection.
        while text := self.socket.recv():
            frame = json.loads(text)
            reply = self.replies.pop(frame.get("id"), None)
            since = self.said.pop(frame.get("key"), None) if frame["type"] == "message" else None
            if reply:
                reply.set(frame)
            elif since:
                self.report("send to hearing it", since)

    def timed(self, name, work):
        since = time.perf_counter()
        try:
            result = work()
        except Exception as error:
            self.report(name, since, error)
            raise
        self.report(name, since)
        return result

    def report(self, name, since, error=None):
        took = (time.perf_counter() - since) * 1000
        self.environment.events.request.fire(
            request_type="ws", name=name, response_time=took, response_length=0, exception=error, context={}
        )
