/* MySQL's dialogue: what mysql.c (until the user is in) and mysql_command.c
 * (commands) share. */
#ifndef XS_MYSQL_H
#define XS_MYSQL_H

#include "relay/starttls/protocol.h"

enum mysql_state { GREETING, RESPONSE, AUTH, COMMANDS };

enum {
	HEAD = 4, /* of a packet */
	NONCE = 20,
	PLUGIN_MAX = 64,
};

struct mysql {
	uint8_t app_number;    /* of the application's last packet */
	uint8_t server_number; /* of the server's last packet */
	uint8_t nonce[NONCE];
	char plugin[PLUGIN_MAX];
	bool rsa;	 /* the server has spoken of a plugin with RSA */
	bool full;	 /* the server asks for the whole password */
	bool key_given;	 /* our RSA key is with the application */
	bool unreadable; /* commands are compressed, or name no plugin */
	bool goes_on;	 /* the application's next packet is no command */
	size_t left;	 /* bytes of the application's packet under way */
};

/* The length that the head of a packet tells. */
static inline size_t xs_mysql_payload(const uint8_t head[HEAD])
{
	return head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16;
}

/* Reads a plugin's name, which ends with a zero or with the payload.  False: it
 * is none. */
bool xs_mysql_read_plugin(struct mysql *mysql, const uint8_t *data, size_t len);

/* The first unit in COMMANDS: COM_CHANGE_USER as a whole, else a piece. */
size_t xs_mysql_command_frame(const struct mysql *mysql, bool from_app,
			      const uint8_t *data, size_t size);

/* The application's unit in COMMANDS.  COM_CHANGE_USER leads to AUTH, COM_QUIT
 * to PASS. */
enum xs_dialogue_result xs_mysql_command(struct xs_dialogue *dialogue,
					 struct xs_unit unit);

#endif
