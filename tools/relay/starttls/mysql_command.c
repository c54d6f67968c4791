/* MySQL's commands, when the user is in; see mysql.h.
 *
 * Everything passes as it is, in pieces of any length; only where packets begin
 * is followed on the application's side.  COM_CHANGE_USER (PHP's change_user,
 * pools that reset a connection) authenticates anew, so it goes back to where
 * passwords are translated (mysql.c).
 *
 * A file that LOAD DATA LOCAL sends is packets, too, whose number can be that
 * of a command.  One that looks like COM_CHANGE_USER to its end does no harm:
 * the numbers of both sides are the same then.
 */
#include "relay/starttls/mysql.h"

#include <string.h>

enum {
	COM_QUIT = 0x01,
	COM_CHANGE_USER = 0x11,
	PAYLOAD_MAX = 0xffffff, /* as long as this: the next one goes on */
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Is it the first packet of this command, of one byte at least? */
static bool is_command(const struct mysql *mysql, const uint8_t *data,
		       uint8_t command)
{
	return !mysql->goes_on && data[3] == 0 && data[HEAD] == command;
}

size_t xs_mysql_command_frame(const struct mysql *mysql, bool from_app,
			      const uint8_t *data, size_t size)
{
	size_t len;

	if (!from_app)
		return least(size, XS_PACKET_MAX);
	if (mysql->left)
		return least(least(size, mysql->left), XS_PACKET_MAX);
	if (size < HEAD)
		return 0;
	len = HEAD + xs_mysql_payload(data);
	if (len == HEAD)
		return HEAD;
	if (size == HEAD)
		return 0;
	if (is_command(mysql, data, COM_CHANGE_USER) && len <= XS_PACKET_MAX)
		return size < len ? 0 : len;
	return least(least(size, len), XS_PACKET_MAX);
}

/* Behind the first zero, or NULL. */
static const uint8_t *skip_text(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *zero = memchr(at, '\0', (size_t)(end - at));

	return zero ? zero + 1 : NULL;
}

/* Name, one byte of length and the answer to the nonce, database, charset, and
 * the plugin that the answer is for. */
static bool read_change(struct mysql *mysql, struct xs_unit unit)
{
	const uint8_t *end = unit.raw + unit.len;
	const uint8_t *at = skip_text(unit.raw + HEAD + 1, end);

	if (!at || at == end || *at >= end - at)
		return false;
	at = skip_text(at + 1 + *at, end);
	return at && end - at > 2 &&
	       xs_mysql_read_plugin(mysql, at + 2, (size_t)(end - at) - 2);
}

enum xs_dialogue_result xs_mysql_command(struct xs_dialogue *dialogue,
					 struct xs_unit unit)
{
	struct mysql *mysql = dialogue->own;
	size_t payload = mysql->left ? 0 : xs_mysql_payload(unit.raw);

	xs_dialogue_send(dialogue, unit.raw, unit.len);
	if (mysql->left) {
		mysql->left -= unit.len;
		return XS_DIALOGUE_MORE;
	}
	if (payload && is_command(mysql, unit.raw, COM_QUIT) && payload == 1)
		return XS_DIALOGUE_PASS;
	if (payload && is_command(mysql, unit.raw, COM_CHANGE_USER) &&
	    unit.len == HEAD + payload && read_change(mysql, unit)) {
		mysql->app_number = mysql->server_number = 0;
		mysql->full = mysql->key_given = false;
		dialogue->state = AUTH;
		return XS_DIALOGUE_MORE;
	}
	mysql->left = HEAD + payload - unit.len;
	mysql->goes_on = payload == PAYLOAD_MAX;
	return XS_DIALOGUE_MORE;
}
