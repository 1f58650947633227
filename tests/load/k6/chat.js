// People who sign in as a browser does, join a room and say something every second, for k6.
//
//   HUBBUB_URL    the server (http://127.0.0.1:8080)
//   HUBBUB_TOKEN  connect by this token and not by the cookie of a sign-in
import { check } from "k6";
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import ws from "k6/ws";

const BASE = __ENV.HUBBUB_URL || "http://127.0.0.1:8080";
const TOKEN = __ENV.HUBBUB_TOKEN;
const ROOMS = 5;
const MESSAGES = 10;

const acknowledged = new Counter("hubbub_acknowledged");
const refused = new Counter("hubbub_refused");
const heard = new Counter("hubbub_heard");
const ackTime = new Trend("hubbub_ack", true);

export const options = {
  vus: 50,
  iterations: 50,
  thresholds: {
    checks: ["rate==1"],
    hubbub_acknowledged: [`count==${50 * MESSAGES}`],
    hubbub_refused: ["count==0"],
    hubbub_ack: ["p(99)<1000"],
  },
};

/** Signs in and returns the headers of a browser's WebSocket: a cookie alone opens none, the page is named, too. */
function signIn() {
  const body = JSON.stringify({ name: `Load ${__VU}-${__ITER}-${Date.now() % 1e6}` });
  const answer = http.post(`${BASE}/api/v1/session`, body, { headers: { "Content-Type": "application/json" } });
  check(answer, { "signed in": ({ status }) => status === 201 });
  const cookies = Object.entries(answer.cookies).map(([name, [{ value }]]) => `${name}=${value}`);
  return { Cookie: cookies.join("; "), Origin: BASE };
}

export default function () {
  const room = `load-${(__VU % ROOMS) + 1}`;
  const url = `${BASE.replace(/^http/, "ws")}/ws${TOKEN ? `?token=${TOKEN}` : ""}`;
  const run = `${__VU}-${__ITER}-${Date.now()}`;
  const answer = ws.connect(url, { headers: TOKEN ? {} : signIn() }, (socket) => {
    let sent = 0;
    let since = 0;
    const say = () => {
      sent += 1;
      since = Date.now();
      socket.send(JSON.stringify({ type: "send", id: sent, room, key: `${run}-${sent}`, text: "Good morning" }));
    };
    const replies = {
      joined: say,
      ack() {
        acknowledged.add(1);
        ackTime.add(Date.now() - since);
        if (sent < MESSAGES) socket.setTimeout(say, 1_000);
        else socket.close();
      },
      message: () => heard.add(1),
      error() {
        refused.add(1);
        socket.close();
      },
    };
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", id: 0, room })));
    socket.on("message", (text) => {
      const frame = JSON.parse(text);
      const take = replies[frame.type];
      if (take) take(frame);
    });
    socket.setTimeout(() => socket.close(), MESSAGES * 1_000 + 20_000);
  });
  check(answer, { "WebSocket opened": (opened) => opened && opened.status === 101 });
}
