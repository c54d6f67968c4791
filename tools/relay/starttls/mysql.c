/* MySQL and MariaDB (MySQL protocol 4.1, "SSLRequest"): the client must speak
 * before TLS, because what it can do is told in the request for TLS.
 *
 *   state     who          packet
 *   GREETING  server       the greeting, shown with CLIENT_SSL taken out (OPEN)
 *   RESPONSE  application  its answer is held; its head goes out as SSLRequest
 *                          (TLS)
 *   AUTH      both         behind TLS, one number apart, until OK or error
 *                          (PASS)
 *
 * So connect(2) succeeds before TLS stands, as with a server that has none.
 * The only thing that a liar can show the application is the greeting, whose
 * nonce serves a password's hash that leaves over TLS alone.
 *
 * caching_sha2_password and sha256_password: a server wants the password itself
 * when it sees TLS; a client that sees none encrypts it with the server's RSA
 * key.  The relay stands between, with a key of its own (tls_password.h).
 *
 * A packet: 3 bytes of length, lowest first, one byte of number, payload.
 */
#include "protocol.h"
#include "tls_password.h"

#include <stdlib.h>
#include <string.h>

enum { GREETING, RESPONSE, AUTH };

enum {
	HEAD = 4,
	SSL_REQUEST = 32,    /* bytes of its payload */
	CLIENT_SSL = 0x0800, /* among the lower 16 capabilities */
	CLIENT_PROTOCOL_41 = 0x0200,
	NONCE = 20,
	PLUGIN_MAX = 64,
	RESPONSE_MAX = XS_LINE_MAX,
};

/* First bytes of a payload. */
enum {
	OK = 0x00,
	MORE_DATA = 0x01,
	SWITCH = 0xfe,
	ERROR = 0xff,
	PROTOCOL_10 = 0x0a,
};

struct mysql {
	uint8_t response[RESPONSE_MAX]; /* the application's, held */
	size_t response_len;		/* with its head */
	uint8_t app_number;		/* of the application's last packet */
	uint8_t server_number;		/* of the server's last packet */
	uint8_t nonce[NONCE];
	char plugin[PLUGIN_MAX];
	bool full;	/* the server asks for the whole password */
	bool key_given; /* our RSA key is with the application */
};

static struct mysql *own(struct xs_dialogue *dialogue)
{
	if (!dialogue->own)
		dialogue->own = calloc(1, sizeof(struct mysql));
	dialogue->no_memory |= !dialogue->own;
	return dialogue->own;
}

static void forget(struct xs_dialogue *dialogue)
{
	if (dialogue->own)
		explicit_bzero(dialogue->own, sizeof(struct mysql));
	free(dialogue->own);
}

static size_t frame(struct xs_dialogue *dialogue, bool from_app,
		    const uint8_t *data, size_t size, struct xs_error *err)
{
	size_t len;

	(void)dialogue, (void)from_app, (void)err;
	if (size < HEAD)
		return 0;
	len = HEAD + (data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16);
	return len > XS_LINE_MAX ? XS_LINE_MAX + 1 : size < len ? 0 : len;
}

static enum xs_dialogue_result malformed(const struct xs_dialogue *dialogue,
					 const char *what, struct xs_error *err)
{
	return xs_dialogue_broken(dialogue, err,
				  "%s is malformed (does the port speak "
				  "MySQL's protocol?)",
				  what);
}

/* Writes a head; the payload follows. */
static void write_head(uint8_t head[HEAD], size_t len, uint8_t number)
{
	head[0] = (uint8_t)len;
	head[1] = (uint8_t)(len >> 8);
	head[2] = (uint8_t)(len >> 16);
	head[3] = number;
}

static void send_packet(struct xs_dialogue *dialogue, const void *payload,
			size_t len)
{
	struct mysql *mysql = dialogue->own;
	uint8_t head[HEAD];

	write_head(head, len, ++mysql->server_number);
	xs_dialogue_send(dialogue, head, HEAD);
	xs_dialogue_send(dialogue, payload, len);
}

static void replay_packet(struct xs_dialogue *dialogue, const void *payload,
			  size_t len)
{
	struct mysql *mysql = dialogue->own;
	uint8_t head[HEAD];

	write_head(head, len, ++mysql->app_number);
	xs_dialogue_replay(dialogue, head, HEAD);
	xs_dialogue_replay(dialogue, payload, len);
}

/* --- GREETING ---------------------------------------------------------- */

/* Where things are in a greeting behind its version:
 *   4 thread, 8 nonce, 1 zero, 2 capabilities, 1 charset, 2 status, 2 upper
 *   capabilities, 1 length of the nonce, 10 reserved, 12 nonce, 1 zero, name of
 *   the plugin, 1 zero */
enum {
	AT_NONCE = 4,
	AT_CAPABILITIES = 13,
	AT_SECOND_NONCE = 31,
	AT_PLUGIN = 44,
	BEHIND_VERSION_MIN = 44,
	VERSION_MAX = 128,
};

static bool is_printable(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] < ' ' || data[i] > '~')
			return false;
	return true;
}

/* The name at data, which must end with a zero at the end of the payload. */
static bool read_plugin(struct mysql *mysql, const uint8_t *data, size_t len)
{
	const uint8_t *zero = memchr(data, '\0', len);

	/* Some old servers leave the zero out. */
	if (zero)
		len = (size_t)(zero - data);
	if (len >= PLUGIN_MAX || !is_printable(data, len))
		return false;
	memcpy(mysql->plugin, data, len);
	mysql->plugin[len] = '\0';
	return true;
}

/* Checks the greeting.  Returns what is behind its version, or NULL. */
static uint8_t *read_greeting(struct mysql *mysql, uint8_t *payload, size_t len)
{
	uint8_t *zero, *behind;
	size_t rest;

	if (len < 1 || payload[0] != PROTOCOL_10)
		return NULL;
	zero = memchr(payload, '\0', len);
	if (!zero || zero - payload > VERSION_MAX ||
	    !is_printable(payload + 1, (size_t)(zero - payload) - 1))
		return NULL;
	behind = zero + 1;
	rest = len - (size_t)(behind - payload);
	if (rest < BEHIND_VERSION_MIN ||
	    !read_plugin(mysql, behind + AT_PLUGIN, rest - AT_PLUGIN))
		return NULL;
	memcpy(mysql->nonce, behind + AT_NONCE, 8);
	memcpy(mysql->nonce + 8, behind + AT_SECOND_NONCE, NONCE - 8);
	return behind;
}

/* "#HY000Host is blocked" behind two bytes of code. */
static enum xs_dialogue_result judge_error(const struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	const char *text = (const char *)unit.raw + HEAD + 3;
	size_t len = unit.len > HEAD + 3 ? unit.len - HEAD - 3 : 0;

	return xs_dialogue_broken(dialogue, err,
				  "the server greets with an error: %s",
				  xs_said(text, len).text);
}

static enum xs_dialogue_result greet(struct xs_dialogue *dialogue,
				     struct xs_unit unit, struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	uint8_t greeting[XS_LINE_MAX], *behind;

	if (unit.len > HEAD && unit.raw[HEAD] == ERROR)
		return judge_error(dialogue, unit, err);
	memcpy(greeting, unit.raw, unit.len);
	behind = read_greeting(mysql, greeting + HEAD, unit.len - HEAD);
	if (!behind || unit.raw[3] != 0)
		return malformed(dialogue, "the server's greeting", err);
	if (!(behind[AT_CAPABILITIES + 1] & CLIENT_SSL >> 8))
		return xs_dialogue_missing(dialogue, err);
	behind[AT_CAPABILITIES + 1] &= (uint8_t) ~(CLIENT_SSL >> 8);
	xs_dialogue_replay(dialogue, greeting, unit.len);
	dialogue->state = RESPONSE;
	return XS_DIALOGUE_OPEN;
}

/* --- RESPONSE ---------------------------------------------------------- */

static enum xs_dialogue_result
respond(struct xs_dialogue *dialogue, struct xs_unit unit, struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	uint8_t *payload = mysql->response + HEAD;

	memcpy(mysql->response, unit.raw, unit.len);
	mysql->response_len = unit.len;
	mysql->app_number = unit.raw[3];
	if (unit.len < HEAD + SSL_REQUEST ||
	    !(payload[1] & CLIENT_PROTOCOL_41 >> 8))
		return xs_dialogue_broken(
			dialogue, err,
			"the application speaks a protocol older than MySQL "
			"4.1, which has no TLS");
	payload[1] |= CLIENT_SSL >> 8;
	mysql->server_number = 0; /* that of the greeting */
	send_packet(dialogue, payload, SSL_REQUEST);
	dialogue->state = AUTH;
	return XS_DIALOGUE_TLS;
}

static enum xs_dialogue_result secured(struct xs_dialogue *dialogue,
				       struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;

	(void)err;
	send_packet(dialogue, mysql->response + HEAD,
		    mysql->response_len - HEAD);
	explicit_bzero(mysql->response, sizeof(mysql->response));
	return XS_DIALOGUE_MORE;
}

/* --- AUTH -------------------------------------------------------------- */

/* Another plugin: its name, zero, its data, which begins with a new nonce. */
static void note_switch(struct mysql *mysql, const uint8_t *payload, size_t len)
{
	const uint8_t *zero = memchr(payload + 1, '\0', len - 1);
	size_t rest;

	if (!zero || !read_plugin(mysql, payload + 1, len - 1))
		return;
	rest = len - (size_t)(zero + 1 - payload);
	if (rest >= NONCE)
		memcpy(mysql->nonce, zero + 1, NONCE);
	mysql->full = strcmp(mysql->plugin, "sha256_password") == 0;
}

/* caching_sha2_password's 1, 4: "send me all of it". */
static bool wants_password(const uint8_t *payload, size_t len)
{
	return len == 2 && payload[0] == MORE_DATA && payload[1] == 4;
}

static enum xs_dialogue_result authenticate(struct xs_dialogue *dialogue,
					    struct xs_unit unit)
{
	struct mysql *mysql = dialogue->own;
	const uint8_t *payload = unit.raw + HEAD;
	size_t len = unit.len - HEAD;

	mysql->server_number = unit.raw[3];
	replay_packet(dialogue, payload, len);
	if (!len)
		return XS_DIALOGUE_MORE;
	if (payload[0] == OK || payload[0] == ERROR)
		return XS_DIALOGUE_PASS;
	if (payload[0] == SWITCH && len > 1)
		note_switch(mysql, payload, len);
	else if (wants_password(payload, len))
		mysql->full = true;
	return XS_DIALOGUE_MORE;
}

/* "Your RSA key, please": one byte, 2 or 1 by plugin. */
static bool asks_for_key(const struct mysql *mysql, const uint8_t *payload,
			 size_t len)
{
	bool caching = strcmp(mysql->plugin, "caching_sha2_password") == 0;

	return mysql->full && len == 1 && payload[0] == (caching ? 2 : 1);
}

static enum xs_dialogue_result give_key(struct xs_dialogue *dialogue,
					struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	uint8_t packet[1024];
	size_t len;
	const char *key = xs_tls_password_key(&len);

	if (!key || len >= sizeof(packet))
		return xs_dialogue_broken(dialogue, err,
					  "the relay cannot make an RSA key");
	packet[0] = MORE_DATA;
	memcpy(packet + 1, key, len);
	replay_packet(dialogue, packet, len + 1);
	mysql->key_given = true;
	return XS_DIALOGUE_MORE;
}

/* What the application encrypted is the password with its zero, each byte
 * XORed with the nonce's. */
static enum xs_dialogue_result send_password(struct xs_dialogue *dialogue,
					     const uint8_t *payload, size_t len,
					     struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	uint8_t plain[XS_TLS_PASSWORD_MAX];
	size_t plain_len;

	mysql->key_given = false;
	if (!xs_tls_password_decrypt(payload, len, plain, &plain_len))
		return xs_dialogue_broken(dialogue, err,
					  "the application's password cannot "
					  "be decrypted (has it another RSA "
					  "key of the server configured?)");
	for (size_t i = 0; i < plain_len; i++)
		plain[i] ^= mysql->nonce[i % NONCE];
	send_packet(dialogue, plain, plain_len);
	explicit_bzero(plain, sizeof(plain));
	return XS_DIALOGUE_MORE;
}

/* --- both -------------------------------------------------------------- */

static enum xs_dialogue_result server(struct xs_dialogue *dialogue,
				      struct xs_unit unit, struct xs_error *err)
{
	if (!own(dialogue))
		return XS_DIALOGUE_BROKEN;
	switch (dialogue->state) {
	case GREETING:
		return greet(dialogue, unit, err);
	case RESPONSE:
		return xs_dialogue_broken(dialogue, err,
					  "the server speaks out of turn");
	default:
		return authenticate(dialogue, unit);
	}
}

static enum xs_dialogue_result app(struct xs_dialogue *dialogue,
				   struct xs_unit unit, struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	const uint8_t *payload = unit.raw + HEAD;
	size_t len = unit.len - HEAD;

	if (dialogue->state == RESPONSE)
		return respond(dialogue, unit, err);
	mysql->app_number = unit.raw[3];
	if (asks_for_key(mysql, payload, len))
		return give_key(dialogue, err);
	if (mysql->key_given)
		return send_password(dialogue, payload, len, err);
	send_packet(dialogue, payload, len);
	return XS_DIALOGUE_MORE;
}

/* A client of protocol 4.1 without a name: capabilities, the longest packet,
 * utf8mb4, 23 reserved bytes, no user, no answer. */
static const uint8_t hello[HEAD + SSL_REQUEST + 2] = {
	SSL_REQUEST + 2,
	0,
	0,
	1,
	0x00,
	CLIENT_PROTOCOL_41 >> 8,
	0,
	0,
	0,
	0,
	0,
	1,
	45,
};

const struct xs_protocol xs_protocol_mysql = {
	.name = "mysql",
	.title = "MySQL",
	.asks = "SSLRequest",
	.frame = frame,
	.server = server,
	.app = app,
	.secured = secured,
	.hello = hello,
	.hello_len = sizeof(hello),
	.end = forget,
};
