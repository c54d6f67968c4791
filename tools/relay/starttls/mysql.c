/* MySQL and MariaDB (MySQL protocol 4.1, "SSLRequest"): the client must speak
 * before TLS, because what it can do is told in the request for TLS.
 *
 *   state     who          packet
 *   GREETING  server       the greeting, shown with CLIENT_SSL taken out (OPEN)
 *   RESPONSE  application  its answer is held; its head goes out as SSLRequest
 *                          (TLS)
 *   AUTH      both         behind TLS, one number apart, until OK or error
 *   COMMANDS  both         mysql_command.c: until a command changes the user
 *                          (AUTH), where that may need a translation, else
 *                          PASS
 *
 * So connect(2) succeeds before TLS stands, as with a server that has none.
 * The only thing that a liar can show the application is the greeting, whose
 * nonce serves a password's hash that leaves over TLS alone.
 *
 * caching_sha2_password and sha256_password: a server wants the password itself
 * when it sees TLS; a client that sees none encrypts it with the server's RSA
 * key.  The relay stands between, with a key of its own (struct
 * xs_dialogue_password).
 *
 * A packet: 3 bytes of length, lowest first, one byte of number, payload.
 */

#include "relay/starttls/mysql.h"
#include "relay/starttls/table.h"

#include <string.h>

enum {
	SSL_REQUEST = 32,    /* bytes of its payload */
	CLIENT_SSL = 0x0800, /* among the lower 16 capabilities */
	CLIENT_PROTOCOL_41 = 0x0200,
	CLIENT_COMPRESS = 0x20,
	CLIENT_PLUGIN_AUTH = 0x08, /* among bits 16 to 23 */
	CLIENT_ZSTD = 0x04,	   /* among bits 24 to 31 */
};

/* First bytes of a payload. */
enum {
	OK = 0x00,
	MORE_DATA = 0x01,
	SWITCH = 0xfe,
	ERROR = 0xff,
	PROTOCOL_10 = 0x0a,
};

static size_t mysql_frame(struct xs_dialogue *dialogue, bool from_app,
			  const uint8_t *data, size_t size,
			  struct xs_error *err)
{
	size_t len;

	(void)err;
	if (dialogue->state == COMMANDS)
		return xs_mysql_command_frame(dialogue->own, from_app, data,
					      size);
	if (size < HEAD)
		return 0;
	len = HEAD + xs_mysql_payload(data);
	return len > XS_PACKET_MAX ? XS_PACKET_MAX + 1 : size < len ? 0 : len;
}

static enum xs_dialogue_result
mysql_malformed(const struct xs_dialogue *dialogue, const char *what,
		struct xs_error *err)
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

static bool has_rsa(const char *plugin)
{
	return strcmp(plugin, "caching_sha2_password") == 0 ||
	       strcmp(plugin, "sha256_password") == 0;
}

static bool is_printable(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] < ' ' || data[i] > '~')
			return false;
	return true;
}

bool xs_mysql_read_plugin(struct mysql *mysql, const uint8_t *data, size_t len)
{
	const uint8_t *zero = memchr(data, '\0', len);

	/* Some old servers leave the zero out. */
	if (zero)
		len = (size_t)(zero - data);
	if (len >= PLUGIN_MAX || !is_printable(data, len))
		return false;
	memcpy(mysql->plugin, data, len);
	mysql->plugin[len] = '\0';
	mysql->rsa |= has_rsa(mysql->plugin);
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
	    !xs_mysql_read_plugin(mysql, behind + AT_PLUGIN, rest - AT_PLUGIN))
		return NULL;
	memcpy(mysql->nonce, behind + AT_NONCE, 8);
	memcpy(mysql->nonce + 8, behind + AT_SECOND_NONCE, NONCE - 8);
	return behind;
}

/* "#HY000Host is blocked" behind two bytes of code. */
static enum xs_dialogue_result
mysql_judge_error(const struct xs_dialogue *dialogue, struct xs_unit unit,
		  struct xs_error *err)
{
	const char *text = (const char *)unit.raw + HEAD + 3;
	size_t len = unit.len > HEAD + 3 ? unit.len - HEAD - 3 : 0;

	return xs_dialogue_broken(dialogue, err,
				  "the server greets with an error: %s",
				  xs_said(text, len).text);
}

static enum xs_dialogue_result mysql_greet(struct xs_dialogue *dialogue,
					   struct xs_unit unit,
					   struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	uint8_t greeting[XS_LINE_MAX], *behind;

	if (unit.len > HEAD && unit.raw[HEAD] == ERROR)
		return mysql_judge_error(dialogue, unit, err);
	if (unit.len > sizeof(greeting))
		return mysql_malformed(dialogue, "the server's greeting", err);
	memcpy(greeting, unit.raw, unit.len);
	behind = read_greeting(mysql, greeting + HEAD, unit.len - HEAD);
	if (!behind || unit.raw[3] != 0)
		return mysql_malformed(dialogue, "the server's greeting", err);
	if (!(behind[AT_CAPABILITIES + 1] & CLIENT_SSL >> 8))
		return xs_dialogue_missing(dialogue, err);
	behind[AT_CAPABILITIES + 1] &= (uint8_t) ~(CLIENT_SSL >> 8);
	xs_dialogue_replay(dialogue, greeting, unit.len);
	dialogue->state = RESPONSE;
	return XS_DIALOGUE_OPEN;
}

/* --- RESPONSE ---------------------------------------------------------- */

static enum xs_dialogue_result mysql_respond(struct xs_dialogue *dialogue,
					     struct xs_unit unit,
					     struct xs_error *err)
{
	const uint8_t *payload = unit.raw + HEAD;
	struct mysql *mysql = dialogue->own;
	uint8_t head[SSL_REQUEST];

	mysql->app_number = unit.raw[3];
	if (unit.len < HEAD + SSL_REQUEST ||
	    !(payload[1] & CLIENT_PROTOCOL_41 >> 8))
		return xs_dialogue_broken(
			dialogue, err,
			"the application speaks a protocol older than MySQL "
			"4.1, which has no TLS");
	mysql->unreadable = (payload[0] & CLIENT_COMPRESS) ||
			    !(payload[2] & CLIENT_PLUGIN_AUTH) ||
			    (payload[3] & CLIENT_ZSTD);
	memcpy(head, payload, SSL_REQUEST);
	head[1] |= CLIENT_SSL >> 8;
	mysql->server_number = 0; /* that of the greeting */
	send_packet(dialogue, head, SSL_REQUEST);
	xs_dialogue_keep(dialogue, head, SSL_REQUEST);
	xs_dialogue_keep(dialogue, payload + SSL_REQUEST,
			 unit.len - HEAD - SSL_REQUEST);
	dialogue->state = AUTH;
	return XS_DIALOGUE_TLS;
}

static enum xs_dialogue_result mysql_secured(struct xs_dialogue *dialogue,
					     struct xs_error *err)
{
	(void)err;
	send_packet(dialogue, xs_queue_first(&dialogue->kept),
		    xs_queue_len(&dialogue->kept));
	xs_dialogue_forget(dialogue);
	return XS_DIALOGUE_MORE;
}

/* --- AUTH -------------------------------------------------------------- */

/* Another plugin: its name, zero, its data, which begins with a new nonce. */
static void note_switch(struct mysql *mysql, const uint8_t *payload, size_t len)
{
	const uint8_t *zero = memchr(payload + 1, '\0', len - 1);
	size_t rest;

	if (!zero || !xs_mysql_read_plugin(mysql, payload + 1, len - 1))
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

/* Another user may have a password that has to be translated. */
static enum xs_dialogue_result mysql_authenticated(struct xs_dialogue *dialogue)
{
	const struct mysql *mysql = dialogue->own;

	if (!mysql->rsa || mysql->unreadable)
		return XS_DIALOGUE_PASS;
	dialogue->state = COMMANDS;
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result mysql_authenticate(struct xs_dialogue *dialogue,
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
		return mysql_authenticated(dialogue);
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
	const struct xs_dialogue_password *password = dialogue->setup.password;
	struct mysql *mysql = dialogue->own;
	uint8_t packet[1024];
	size_t len = 0;
	const char *key = password ? password->key(&len) : NULL;

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
	uint8_t plain[XS_DIALOGUE_PASSWORD_MAX];
	size_t plain_len;

	mysql->key_given = false;
	if (!dialogue->setup.password->decrypt(payload, len, plain, &plain_len))
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

static enum xs_dialogue_result mysql_server(struct xs_dialogue *dialogue,
					    struct xs_unit unit,
					    struct xs_error *err)
{
	switch ((enum mysql_state)dialogue->state) {
	case GREETING:
		return mysql_greet(dialogue, unit, err);
	case RESPONSE:
		return xs_dialogue_broken(dialogue, err,
					  "the server speaks out of turn");
	case AUTH:
		return mysql_authenticate(dialogue, unit);
	case COMMANDS:
		break;
	}
	xs_dialogue_replay(dialogue, unit.raw, unit.len);
	return XS_DIALOGUE_MORE;
}

static enum xs_dialogue_result mysql_app(struct xs_dialogue *dialogue,
					 struct xs_unit unit,
					 struct xs_error *err)
{
	struct mysql *mysql = dialogue->own;
	const uint8_t *payload = unit.raw + HEAD;
	size_t len = unit.len - HEAD;

	if (dialogue->state == RESPONSE)
		return mysql_respond(dialogue, unit, err);
	if (dialogue->state == COMMANDS)
		return xs_mysql_command(dialogue, unit);
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
static const uint8_t mysql_hello[HEAD + SSL_REQUEST + 2] = {
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
	.frame = mysql_frame,
	.unit_max = XS_PACKET_MAX,
	.server = mysql_server,
	.app = mysql_app,
	.secured = mysql_secured,
	.hello = mysql_hello,
	.hello_len = sizeof(mysql_hello),
	.own_size = sizeof(struct mysql),
};
