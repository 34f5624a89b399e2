// Preloaded into a server that would listen on every interface: it listens on the loopback one.

import { Server } from 'node:net';

const listen = Server.prototype.listen;

Server.prototype.listen = function (port, ...rest) {
    return listen.call(this, port, '127.0.0.1', ...rest.filter(argument => typeof argument === 'function'));
};
