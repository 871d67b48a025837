// The peer: the npm package `ws`, as its documentation tells how to broadcast.
// Settings, from the environment: PORT, BYTES (how large a frame is), WS (where the package is).
const http = require('http');
const { WebSocketServer, WebSocket } = require(process.env.WS);

const data = Buffer.from('x'.repeat(Number(process.env.BYTES || 1024)));
const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://bench');
  if (url.pathname === '/broadcast') {
    const burst = Number(url.searchParams.get('burst'));
    for (let left = Number(url.searchParams.get('frames')) - 1; left >= 0; left--) {
      sockets.clients.forEach((client) => {
        if (client.readyState === WebSocket.OPEN) client.send(data, { binary: false });
      });
      if (left % burst === 0) await new Promise(setImmediate);
    }
    response.statusCode = 204;
  }
  response.end();
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
