/* Where a data connection goes to, as servers write it; see ftp.h.
 *
 * Clients read these replies in many ways: some look for the parenthesis, most
 * for the numbers, wherever they are.  So do we; what no client could read is
 * not guessed at.
 */
#include "relay/starttls/ftp.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* At most five digits, so that it fits.  Returns what follows, or NULL. */
static const char *passive_read_number(const char *text, unsigned most,
				       unsigned *value)
{
	const char *at = text;

	*value = 0;
	while (is_digit(*at) && at - text < 5)
		*value = *value * 10 + (unsigned)(*at++ - '0');
	return at == text || is_digit(*at) || *value > most ? NULL : at;
}

/* Six numbers with commas between them.  Returns what follows, or NULL. */
static const char *read_six(const char *text, unsigned number[6])
{
	for (int i = 0; i < 6; i++) {
		if (i > 0 && *text++ != ',')
			return NULL;
		if (i > 0)
			text += strspn(text, " ");
		text = passive_read_number(text, 255, &number[i]);
		if (!text)
			return NULL;
	}
	return text;
}

bool xs_ftp_read_pasv(const char *text, struct xs_address *to)
{
	unsigned n[6];
	const char *at;

	/* The first number with a comma behind it. */
	for (at = text; *at; at += is_digit(*at) ? strspn(at, "0123456789") : 1)
		if (is_digit(*at) && at[strspn(at, "0123456789")] == ',')
			break;
	at = read_six(at, n);
	if (!at || *at == ',' || n[4] + n[5] == 0)
		return false;
	memset(to, 0, sizeof(*to));
	to->v4.sin_family = AF_INET;
	to->v4.sin_addr.s_addr =
		htonl(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]);
	to->len = sizeof(to->v4);
	xs_address_set_port(to, (uint16_t)(n[4] << 8 | n[5]));
	return true;
}

/* "|||50000|", where "|" may be any other character, too. */
static bool read_four(const char *text, uint16_t *port)
{
	unsigned number;
	char bar = text[0];

	if (bar < '!' || bar > '~' || is_digit(bar) || text[1] != bar ||
	    text[2] != bar)
		return false;
	text = passive_read_number(text + 3, 65535, &number);
	if (!text || *text != bar || !number)
		return false;
	*port = (uint16_t)number;
	return true;
}

bool xs_ftp_read_epsv(const char *text, uint16_t *port)
{
	const char *open = strchr(text, '(');

	if (open)
		return read_four(open + 1, port);
	for (; *text; text++)
		if (read_four(text, port))
			return true;
	return false;
}
