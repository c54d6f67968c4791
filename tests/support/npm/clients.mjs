// Clients of npm, each at one session's work.  None is told to use TLS, but
// those whose name ends with "-tls" bring their own: their last argument is the
// CA's file.
//
//     node --input-type=module - NAME HOST PORT ARGUMENT… <clients.mjs
//
// The working directory has node_modules.  What they find is printed; the shell
// judges it.
import { readFileSync } from "node:fs";

const [name, host, portText, ...args] = process.argv.slice(2);
const port = Number(portText);

// --- databases -------------------------------------------------------------

const account = { host, port, user: "alice", password: "secret" };
const shop = { ...account, database: "shop" };

async function mysql2() {
	const mysql = (await import("mysql2/promise")).default;
	const db = await mysql.createConnection(shop);
	const [[row]] = await db.query("SHOW STATUS LIKE 'Ssl_cipher'");
	const [[sum]] = await db.execute("SELECT ? + 40 AS n", [2]);
	console.log(row.Variable_name, row.Value, sum.n);
	await db.end();
}

async function mysql2Pool() {
	const mysql = (await import("mysql2/promise")).default;
	const pool = mysql.createPool({ ...shop, connectionLimit: 3 });
	const sleeps = [1, 2, 3].map((n) => pool.query(`SELECT ${n}, SLEEP(0.1)`));
	await Promise.all(sleeps);
	const [[row]] = await pool.query("SHOW STATUS LIKE 'Ssl_cipher'");
	console.log(row.Variable_name, row.Value);
	await pool.end();
}

async function mysql2Select() {
	const mysql = (await import("mysql2/promise")).default;
	const db = await mysql.createConnection(account);
	const [[row]] = await db.query({ sql: "SELECT 1", rowsAsArray: true });
	console.log(row[0]);
	await db.end();
}

async function pgClient(ssl) {
	const pg = (await import("pg")).default;
	const db = new pg.Client({ ...shop, ssl });
	await db.connect();
	const { rows } = await db.query(args[0]);
	console.log(rows[0].count, rows[0].sum);
	await db.end();
}

async function pgPool() {
	const pg = (await import("pg")).default;
	const pool = new pg.Pool({ ...shop, max: 3 });
	const all = [1, 2, 3].map((n) => pool.query("SELECT pg_sleep(0.1)"));
	await Promise.all(all);
	const { rows } = await pool.query(args[0]);
	console.log(rows[0].count, rows[0].sum);
	await pool.end();
}

async function postgresJs() {
	const postgres = (await import("postgres")).default;
	const sql = postgres(shop);
	const [row] = await sql.unsafe(args[0]);
	console.log(row.count, row.sum);
	await sql.end();
}

async function ioredis() {
	const { Redis } = await import("ioredis");
	const { user: username, password } = account;
	const redis = new Redis({ host, port, username, password });
	const [word, file] = args;
	const value = readFileSync(file);
	await redis.set(word, value);
	const back = await redis.getBuffer(word);
	const other = redis.duplicate();
	await other.subscribe(word);
	const told = new Promise((done) => other.on("message", (_, text) => done(text)));
	await redis.publish(word, `word of ${word}`);
	console.log(back.equals(value), await told);
	await other.quit();
	await redis.quit();
}

// --- mail ------------------------------------------------------------------

async function nodemailerSends(options) {
	const nodemailer = (await import("nodemailer")).default;
	const transport = nodemailer.createTransport({
		host, port, ...options,
		auth: { user: "alice@example.test", pass: "secret" },
	});
	await transport.sendMail({
		envelope: { from: "alice@example.test", to: "joe@example.test" },
		raw: readFileSync(args[0]),
	});
	transport.close();
}

async function imapflow(tls) {
	const { ImapFlow } = await import("imapflow");
	const [user] = args;
	const imap = new ImapFlow({
		host, port, secure: false, logger: false, tls,
		auth: { user, pass: "secret" },
	});
	await imap.connect();
	await imap.mailboxOpen("INBOX");
	const letter = await imap.fetchOne("1", { source: true });
	process.stdout.write(letter.source);
	await imap.logout();
}

// --- files, directory, messages ----------------------------------------------

async function basicFtp() {
	const { Client } = await import("basic-ftp");
	const [user, folder, up, file, down] = args;
	const ftp = new Client(20000);
	await ftp.access({ host, port, user, password: "secret" });
	await ftp.cd(folder);
	await ftp.uploadFrom(up, file);
	await ftp.list();
	await ftp.downloadTo(down, file);
	ftp.close();
}

async function ldapts() {
	const { Client } = await import("ldapts");
	const ldap = new Client({ url: `ldap://${host}:${port}`, timeout: 20000 });
	await ldap.bind(args[0], "secret");
	const { searchEntries } = await ldap.search("dc=example,dc=test", {
		filter: "(uid=bob)",
	});
	console.log(searchEntries[0].mail);
	await ldap.unbind();
}

async function xmpp() {
	const { client, xml } = await import("@xmpp/client");
	const user = client({
		service: `xmpp://${host}:${port}`, domain: "localhost",
		username: "alice", password: "secret",
	});
	const failed = new Promise((_, fail) => user.on("error", fail));
	const came = new Promise((done) => user.on("stanza", (stanza) => {
		// Others may have written to her before.
		const body = stanza.is("message") && stanza.getChildText("body");
		if (body === args[0]) done(body);
	}));
	const to = await Promise.race([user.start(), failed]);
	await user.send(xml("presence"));
	await user.send(xml("message", { type: "chat", to: to.toString() },
		xml("body", {}, args[0])));
	console.log(await Promise.race([came, failed]));
	await user.stop();
}

async function mqttWorks() {
	const mqtt = (await import("mqtt")).default;
	const { user: username, password } = account;
	const [topic] = args;
	const broker = await mqtt.connectAsync(`mqtt://${host}:${port}`,
		{ username, password, reconnectPeriod: 0 });
	await broker.subscribeAsync(topic, { qos: 2 });
	const came = new Promise((done) => broker.on("message", (_, text) => done(text)));
	await broker.publishAsync(topic, `word of ${topic}`, { qos: 2 });
	console.log(String(await came));
	await broker.endAsync();
}

async function nats(tls) {
	const { connect, StringCodec } = await import("nats");
	const { user, password: pass } = account;
	const [topic] = args;
	const text = StringCodec();
	const broker = await connect({
		servers: `${host}:${port}`, user, pass, tls, reconnect: false,
	});
	const words = broker.subscribe(topic, { max: 1 });
	const came = (async () => { for await (const { data } of words) return data; })();
	broker.subscribe(`${topic}.asks`, {
		callback: (_, asked) => asked.respond(asked.data),
	});
	broker.publish(topic, text.encode(`word of ${topic}`));
	console.log(text.decode(await came));
	const reply = await broker.request(`${topic}.asks`, text.encode(`answer to ${topic}`));
	console.log(text.decode(reply.data));
	const much = new Uint8Array(200000).map((_, at) => at * 7);
	const { data } = await broker.request(`${topic}.asks`, much, { timeout: 20000 });
	console.log(data.length, Buffer.compare(data, much) === 0 ? "same" : "differs");
	await broker.drain();
}

const ca = () => readFileSync(args[args.length - 1]);

await ({
	mysql2,
	"mysql2-pool": mysql2Pool,
	"mysql2-select": mysql2Select,
	pg: () => pgClient(false),
	"pg-tls": () => pgClient({ ca: ca() }),
	"pg-pool": pgPool,
	postgres: postgresJs,
	ioredis,
	nodemailer: () => nodemailerSends({ ignoreTLS: true }),
	"nodemailer-pool": () => nodemailerSends({ ignoreTLS: true, pool: true }),
	"nodemailer-tls": () => nodemailerSends({ requireTLS: true, tls: { ca: ca() } }),
	imapflow: () => imapflow(),
	"imapflow-tls": () => imapflow({ ca: ca() }),
	"basic-ftp": basicFtp,
	ldapts,
	xmpp,
	mqtt: mqttWorks,
	nats: () => nats(),
	"nats-tls": () => nats({ ca: ca().toString() }),
})[name]();
