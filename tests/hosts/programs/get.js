// Each way that Node has to connect: gets a file by HTTP and prints
// "WAY: LENGTH SUM" of its bytes.
//
//     node get.js PORT PATH
'use strict';
const net = require('net');
const http = require('http');
const [port, path] = [Number(process.argv[2]), process.argv[3]];

function tell(way, bytes) {
	let sum = 0;
	for (const b of bytes)
		sum += b;
	console.log(`${way}: ${bytes.length} ${sum}`);
}

function whole(stream, ended) {
	const parts = [];
	stream.on('data', part => parts.push(part));
	stream.on('end', () => ended(Buffer.concat(parts)));
}

const ways = {
	'net': () => new Promise((done, failed) => {
		const s = net.connect({ host: 'localhost', port }, () => {
			if (s.remotePort !== port || !s.localPort)
				failed(new Error('addresses'));
			s.setNoDelay(true);
			s.setKeepAlive(true, 1000);
			s.write(`GET ${path} HTTP/1.0\r\n\r\n`);
		});
		s.on('error', failed);
		whole(s, all => done(all.subarray(all.indexOf('\r\n\r\n') + 4)));
	}),
	'http': () => new Promise((done, failed) =>
		http.get({ host: 'localhost', port, path }, answer =>
			whole(answer, done)).on('error', failed)),
	'fetch': async () => new Uint8Array(await
		(await fetch(`http://localhost:${port}${path}`)).arrayBuffer()),
};

(async () => {
	for (const way in ways)
		tell(way, await ways[way]());
	process.exit(0);
})().catch(error => {
	console.error(error);
	process.exit(1);
});
