// Talks to an app that sends each message back, and tells in JSON how that went.
//
// usage: node websocket_client.js URL TOKEN
//
// An empty TOKEN is none.
'use strict';

const WebSocket = require('ws');

const PATIENCE = 20_000; // milliseconds
const TEXTS = ['hello', 'h\u00e9'];
const LONG = 'x'.repeat(1 << 20);
const BINARY = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const [url, token] = process.argv.slice(2);
const headers = token ? { Authorization: `Token ${token}` } : {};
const socket = new WebSocket(url, { headers, handshakeTimeout: PATIENCE });
const answers = [];
let isAlive = false;

setTimeout(() => fail(new Error('waited in vain')), PATIENCE).unref();

socket.on('unexpected-response', (_, response) => {
  tell({ refused: response.statusCode });
  process.exit(0);
});
socket.on('error', fail);
socket.on('open', () => [...TEXTS, LONG, BINARY].forEach((message) => socket.send(message)));
socket.on('message', (data, isBinary) => {
  answers.push(isBinary ? data : data.toString());
  if (answers.length === 4) {
    socket.ping();
  }
});
socket.on('pong', () => {
  isAlive = true;
  socket.close(1000);
});
socket.on('close', (code) =>
  tell({
    texts: answers.slice(0, 2),
    long: answers[2] === LONG,
    binary: BINARY.equals(answers[3]),
    pong: isAlive,
    code,
  }),
);

function tell(outcome) {
  console.log(JSON.stringify(outcome));
}

function fail(error) {
  console.error(error);
  process.exit(1);
}
